/*
 * Reading what a command says about itself.
 */
#include "processor/protocol.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "core/str.h"

void protocol_init(struct protocol *p, bool items)
{
	p->items = items;
	p->progress =
	    (struct message_progress){.percent = -1, .total = -1, .processed = -1, .rejected = -1};
}

/* Bytes of an ANSI escape sequence at `in` (which starts with ESC). */
static size_t escape_length(const char *in, size_t len)
{
	size_t i = 1;

	if (len > 1 && in[1] == ']') { /* OSC: up to BEL or ESC \ */
		for (i = 2; i < len; i++)
			if (in[i] == '\a' || (in[i] == '\\' && in[i - 1] == 033))
				return i + 1;
		return len;
	}
	if (len > 1 && in[1] == '[') /* CSI: up to a letter */
		for (i = 2;
		     i < len && ((unsigned char)in[i] < 0x40 || (unsigned char)in[i] > 0x7e);)
			i++;
	return i < len ? i + 1 : len;
}

/* Bytes of the UTF-8 character at `in`, 0 if it is none. */
static size_t character_length(const char *in, size_t len)
{
	for (size_t n = 1; n <= 4 && n <= len; n++)
		if (str_utf8(in, n))
			return n;
	return 0;
}

void protocol_clean(const char *in, size_t len, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)in[i];
		size_t n = 1;

		if (c == 033) {
			i += escape_length(in + i, len - i);
			continue;
		}
		if (c >= 0x80)
			n = character_length(in + i, len - i);
		/* C1 controls are control characters too. */
		bool control = c < 0x20 || c == 0x7f ||
			       (n == 2 && c == 0xc2 && (unsigned char)in[i + 1] < 0xa0);
		size_t room = n && !control ? n : 1;

		if (used + room >= size)
			break;
		if (control)
			out[used] = ' ';
		else if (!n)
			out[used] = '?';
		else
			memcpy(out + used, in + i, n);
		if (used || out[0] != ' ')
			used += room;
		i += n ? n : 1;
	}
	while (used && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}

static void step_set(struct protocol *p, const char *text, size_t len)
{
	char step[STEP_MAX];

	protocol_clean(text, len, step, sizeof step);
	if (!*step || strcmp(step, p->progress.step) == 0)
		return;
	memcpy(p->progress.step, step, sizeof step);
	p->changed = true;
}

static void percent_set(struct protocol *p, int64_t percent)
{
	if (percent > 100)
		percent = 100;
	if (percent <= p->progress.percent)
		return;
	p->progress.percent = (int32_t)percent;
	p->changed = true;
}

/* A count that only grows; true if it did. */
static void count_set(struct protocol *p, int64_t *field, int64_t value)
{
	if (value <= *field)
		return;
	*field = value;
	p->changed = true;
}

static void items_set(struct protocol *p, int64_t processed, int64_t total)
{
	if (processed < 0 || total < processed)
		return;
	if (total != p->progress.total) {
		p->progress.total = total;
		p->changed = true;
	}
	count_set(p, &p->progress.processed, processed);
	if (total > 0)
		percent_set(p, (int64_t)((double)p->progress.processed / (double)total * 100));
}

/* Digits at the start of a line; *end is behind them. False: none, or too many. */
static bool digits(const char *s, int64_t *value, const char **end)
{
	int64_t v = 0;
	const char *at = s;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (at - s >= 18)
			return false;
		v = v * 10 + (*at - '0');
	}
	*value = v;
	*end = at;
	return at != s;
}

/* `NN% text` and `NN/MM text`. A line such as "100%sure" or "250% more" is not progress. */
static bool progress_line(struct protocol *p, const char *line)
{
	const char *at;
	int64_t first, second;

	while (*line == ' ' || *line == '\t')
		line++;
	if (!digits(line, &first, &at))
		return false;
	if (*at == '%') {
		if (first > 100 || (at[1] && at[1] != ' ' && at[1] != '\t'))
			return false;
		percent_set(p, first);
		step_set(p, at + 1, strlen(at + 1));
		return true;
	}
	if (!p->items || *at != '/' || !digits(at + 1, &second, &at) ||
	    (*at && *at != ' ' && *at != '\t') || first > second)
		return false;
	items_set(p, first, second);
	step_set(p, at, strlen(at));
	return true;
}

static void stdout_line(struct protocol *p, const char *line, size_t len)
{
	char text[RESULT_MAX];

	if (progress_line(p, line))
		return;
	protocol_clean(line, len, text, sizeof text);
	if (*text)
		memcpy(p->last_out, text, sizeof text);
}

static void stderr_line(struct protocol *p, const char *line, size_t len)
{
	char text[sizeof p->last_error];

	protocol_clean(line, len, text, sizeof text);
	if (*text)
		memcpy(p->last_error, text, sizeof text);
}

/* A number of the object as a whole number; false if it is absent, negative or not a number. */
static bool number_of(const json_t *object, const char *key, int64_t *out)
{
	const json_t *v = json_object_get(object, key);
	double d;

	if (!json_is_number(v))
		return false;
	d = json_number_value(v);
	if (!(d >= 0 && d < 9e15))
		return false;
	*out = (int64_t)d;
	return true;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* A text as it may be shown. Masked before it is cut, or a piece of a secret might stay. */
static void masked(const struct protocol *p, const char *text, struct buf *out)
{
	buf_clear(out);
	mask_text(p->mask, text, strlen(text), out);
}

static void json_line(struct protocol *p, const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *text;
	struct buf shown;
	int64_t n, total;

	if (!json_is_object(object)) {
		json_decref(object);
		return;
	}
	buf_init(&shown);
	if (number_of(object, "total", &total) && total != p->progress.total) {
		p->progress.total = total;
		p->changed = true;
	}
	if (number_of(object, "processed", &n)) {
		count_set(p, &p->progress.processed, n);
		if (p->progress.total > 0 && !json_object_get(object, "progress"))
			percent_set(p, (int64_t)((double)p->progress.processed /
						 (double)p->progress.total * 100));
	}
	if (number_of(object, "rejected", &n))
		count_set(p, &p->progress.rejected, n);
	if (number_of(object, "progress", &n))
		percent_set(p, n);
	if ((text = text_of(object, "step"))) {
		masked(p, text, &shown);
		step_set(p, shown.data, shown.len);
	}
	if ((text = text_of(object, "result"))) {
		masked(p, text, &shown);
		protocol_clean(shown.data, shown.len, p->result, sizeof p->result);
	}
	buf_release(&shown);
	json_decref(object);
}

typedef void line_fn(struct protocol *p, const char *line, size_t len);

static void line_end(struct line_reader *r, struct protocol *p, line_fn *fn)
{
	r->line[r->len] = '\0';
	/* A NUL would hide the rest of the line from those who read it as a string. */
	for (size_t i = 0; i < r->len; i++)
		if (!r->line[i])
			r->line[i] = ' ';
	if (r->len)
		fn(p, r->line, r->len);
	r->len = 0;
}

static void feed(
    struct line_reader *r, const char *data, size_t len, struct protocol *p, line_fn *fn)
{
	const char *end = data + len, *newline = NULL;

	while (data < end) {
		const char *stop;
		size_t n, room = PROTOCOL_LINE_MAX - r->len;

		/* Looked for once, however many carriage returns stand before it. */
		if (!newline && !(newline = memchr(data, '\n', (size_t)(end - data))))
			newline = end;
		stop = memchr(data, '\r', (size_t)(newline - data));
		stop = stop ? stop : newline;
		n = (size_t)(stop - data);
		memcpy(r->line + r->len, data, n < room ? n : room);
		r->len += n < room ? n : room;
		if (stop == end)
			return;
		line_end(r, p, fn);
		data = stop + 1;
		if (stop == newline)
			newline = NULL;
	}
}

void protocol_stdout(struct protocol *p, const char *data, size_t len)
{
	feed(&p->out, data, len, p, stdout_line);
}

void protocol_stderr(struct protocol *p, const char *data, size_t len)
{
	feed(&p->error, data, len, p, stderr_line);
}

void protocol_json(struct protocol *p, const char *data, size_t len)
{
	feed(&p->json, data, len, p, json_line);
}

void protocol_finish(struct protocol *p)
{
	line_end(&p->out, p, stdout_line);
	line_end(&p->error, p, stderr_line);
	line_end(&p->json, p, json_line);
}

const char *protocol_result(const struct protocol *p)
{
	return *p->result ? p->result : p->last_out;
}
