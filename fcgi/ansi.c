/*
 * Rendering terminal output. Text and runs are gathered apart; a carriage return cuts both back to
 * where the line began.
 */
#include "fcgi/ansi.h"

#include <stdio.h>
#include <string.h>

#include "core/str.h"

#define PARAMS_MAX 32

/* Text of one style, up to `end` in the text; it begins where the run before it ends. */
struct run {
	size_t end;
	struct ansi_style style;
	bool odd; /* a character that was made visible */
};

struct rendering {
	struct buf text, runs; /* runs: array of struct run */
	struct ansi_style style;
	size_t line_text, line_runs; /* where the open line begins in both, */
	size_t line_at;              /* and in the input */
	struct ansi_style line_style;
};

/* ---- styles ---- */

static uint16_t nearest(int r, int g, int b)
{
	static const int levels[] = {0, 95, 135, 175, 215, 255};
	int c[] = {r, g, b}, index = 0;

	for (int i = 0; i < 3; i++) {
		int level = 0;

		while (level < 5 && c[i] > (levels[level] + levels[level + 1]) / 2)
			level++;
		index = 6 * index + level;
	}
	return (uint16_t)(1 + 16 + index);
}

/* 38 and 48 with what follows: 5;n or 2;r;g;b. Returns how many parameters it took. */
static size_t extended(const int *p, size_t n, uint16_t *colour)
{
	if (n >= 3 && p[1] == 5) {
		if (p[2] < 256)
			*colour = (uint16_t)(1 + p[2]);
		return 3;
	}
	if (n >= 5 && p[1] == 2) {
		if (p[2] < 256 && p[3] < 256 && p[4] < 256)
			*colour = nearest(p[2], p[3], p[4]);
		return 5;
	}
	return n;
}

static void apply_one(struct ansi_style *s, int p)
{
	if (p == 0)
		*s = (struct ansi_style){0};
	else if (p == 1)
		s->bold = true;
	else if (p == 2)
		s->dim = true;
	else if (p == 3)
		s->italic = true;
	else if (p == 4 || p == 21)
		s->underline = true;
	else if (p == 7)
		s->inverse = true;
	else if (p == 9)
		s->strike = true;
	else if (p == 22)
		s->bold = s->dim = false;
	else if (p == 23)
		s->italic = false;
	else if (p == 24)
		s->underline = false;
	else if (p == 27)
		s->inverse = false;
	else if (p == 29)
		s->strike = false;
	else if (p >= 30 && p <= 37)
		s->fg = (uint16_t)(1 + p - 30);
	else if (p == 39)
		s->fg = 0;
	else if (p >= 40 && p <= 47)
		s->bg = (uint16_t)(1 + p - 40);
	else if (p == 49)
		s->bg = 0;
	else if (p >= 90 && p <= 97)
		s->fg = (uint16_t)(1 + 8 + p - 90);
	else if (p >= 100 && p <= 107)
		s->bg = (uint16_t)(1 + 8 + p - 100);
}

/* Parameters joined by colons belong together: 4:3, 38:5:n, 38:2:space:r:g:b. */
static void apply_group(struct ansi_style *s, const int *p, size_t n)
{
	if (p[0] == 4 && n == 2) {
		s->underline = p[1] != 0;
	} else if ((p[0] == 38 || p[0] == 48) && n >= 3) {
		int rgb[5] = {p[0], p[1], p[n - 3], p[n - 2], p[n - 1]};

		extended(n >= 6 ? rgb : p, n >= 6 ? 5 : n, p[0] == 38 ? &s->fg : &s->bg);
	}
}

/* The parameters of an SGR sequence, len bytes of digits, ';' and ':'. */
static void apply(struct ansi_style *s, const char *text, size_t len)
{
	int p[PARAMS_MAX] = {0};
	bool colon[PARAMS_MAX + 1] = {false}; /* joined with the one before it */
	size_t n = 1;

	for (size_t i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			if (p[n - 1] < 1000)
				p[n - 1] = p[n - 1] * 10 + (text[i] - '0');
		} else if (n == PARAMS_MAX) {
			return; /* no sane program says so much */
		} else {
			colon[n++] = text[i] == ':';
		}
	}
	for (size_t i = 0, take; i < n; i += take) {
		for (take = 1; i + take < n && colon[i + take];)
			take++;
		if (take > 1)
			apply_group(s, p + i, take);
		else if (p[i] == 38 || p[i] == 48)
			take = extended(p + i, n - i, p[i] == 38 ? &s->fg : &s->bg);
		else
			apply_one(s, p[i]);
	}
}

char *ansi_code(const struct ansi_style *s, char out[static ANSI_CODE_SIZE])
{
	const struct {
		bool on;
		const char *code;
	} flags[] = {{s->bold, "1;"}, {s->dim, "2;"}, {s->italic, "3;"}, {s->underline, "4;"},
	    {s->inverse, "7;"}, {s->strike, "9;"}};
	size_t n = 0;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (flags[i].on)
			n += (size_t)snprintf(out + n, ANSI_CODE_SIZE - n, "%s", flags[i].code);
	if (s->fg)
		n += (size_t)snprintf(out + n, ANSI_CODE_SIZE - n, "38;5;%d;", s->fg - 1);
	if (s->bg)
		n += (size_t)snprintf(out + n, ANSI_CODE_SIZE - n, "48;5;%d;", s->bg - 1);
	out[n ? n - 1 : 0] = '\0';
	return out;
}

bool ansi_code_read(const char *text, struct ansi_style *s)
{
	size_t len = strlen(text);

	*s = (struct ansi_style){0};
	if (strspn(text, "0123456789;") != len)
		return false;
	if (len)
		apply(s, text, len);
	return true;
}

/* "b f1 k4": what public/vendor/ansi.css knows. NULL for plain text. */
static const char *class_of(struct arena *a, const struct run *r)
{
	const struct ansi_style *s = &r->style;
	uint16_t fg = s->inverse ? s->bg : s->fg, bg = s->inverse ? s->fg : s->bg;
	char text[64], *end = text;

	*text = '\0';
	if (s->inverse && !fg)
		end = stpcpy(end, " fx");
	if (s->inverse && !bg)
		end = stpcpy(end, " kx");
	if (fg)
		end += sprintf(end, " f%d", fg - 1);
	if (bg)
		end += sprintf(end, " k%d", bg - 1);
	if (s->bold)
		end = stpcpy(end, " b");
	if (s->dim)
		end = stpcpy(end, " d");
	if (s->italic)
		end = stpcpy(end, " i");
	if (s->underline)
		end = stpcpy(end, " u");
	if (s->strike)
		end = stpcpy(end, " s");
	if (r->odd)
		stpcpy(end, " odd");
	return *text ? arena_strdup(a, text + 1) : NULL;
}

/* ---- text ---- */

static struct run *last_run(struct rendering *r)
{
	return r->runs.len ? (struct run *)(void *)(r->runs.data + r->runs.len) - 1 : NULL;
}

static bool same_style(const struct ansi_style *a, const struct ansi_style *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->bold == b->bold && a->dim == b->dim &&
	       a->italic == b->italic && a->underline == b->underline && a->strike == b->strike &&
	       a->inverse == b->inverse;
}

/* Runs go on over the end of a line, but the open line has runs of its own. */
static void add(struct rendering *r, const char *text, size_t len, bool odd)
{
	struct run *last = last_run(r), run = {.style = r->style, .odd = odd};

	buf_add(&r->text, text, len);
	run.end = r->text.len;
	if (last && r->runs.len > r->line_runs && last->odd == odd &&
	    same_style(&last->style, &r->style))
		last->end = run.end;
	else
		buf_add(&r->runs, &run, sizeof run);
}

/* The line has ended; the next begins at this byte of the input. */
static void end_line(struct rendering *r, size_t at)
{
	static const struct ansi_style plain;
	struct run *last = last_run(r), run = {.style = plain};

	buf_addc(&r->text, '\n');
	run.end = r->text.len;
	if (last && !last->odd && same_style(&last->style, &plain))
		last->end = run.end;
	else
		buf_add(&r->runs, &run, sizeof run);
	r->line_text = r->text.len;
	r->line_runs = r->runs.len;
	r->line_at = at;
	r->line_style = r->style;
}

/* What the open line has so far is written over. */
static void clear_line(struct rendering *r, size_t at)
{
	r->text.len = r->line_text;
	r->runs.len = r->line_runs;
	r->line_at = at;
	r->line_style = r->style;
}

/* ---- characters ---- */

/* Up to the end of a string sequence (ESC ] and its kin): BEL, or ESC \; a line end stops it too.
 */
static size_t string_length(const char *in, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (in[i] == '\a')
			return i + 1;
		if (in[i] == '\n')
			return i;
		if (in[i] == 033)
			return i + 1 < len && in[i + 1] == '\\' ? i + 2 : i;
	}
	return len;
}

/* An escape sequence at in[0]; its length. Only colours and "erase the line" do anything. */
static size_t escape(struct rendering *r, const char *in, size_t len, size_t at)
{
	size_t i = 1;

	if (len < 2)
		return len;
	if (strchr("]PX^_", in[1]) && in[1])
		return string_length(in, len);
	if (in[1] != '[') {
		while (i < len && in[i] >= 0x20 && in[i] <= 0x2f)
			i++;
		return i < len && in[i] >= 0x30 && in[i] <= 0x7e ? i + 1 : i;
	}
	for (i = 2; i < len && in[i] >= 0x20 && in[i] <= 0x3f;)
		i++;
	if (i == len || in[i] < 0x40 || in[i] > 0x7e)
		return i; /* broken off: what did it is looked at by itself */
	if (in[i] == 'm' && strspn(in + 2, "0123456789;:") == i - 2)
		apply(&r->style, in + 2, i - 2);
	if (in[i] == 'K' && i == 3 && in[2] == '2')
		clear_line(r, at + i + 1);
	return i + 1;
}

/* Marks that turn the direction of text, and separators of lines that are none to us. */
static bool is_odd(unsigned code)
{
	return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
	       code == 0x200e || code == 0x200f || code == 0x061c || code == 0x2028 ||
	       code == 0x2029;
}

/* A character beyond ASCII at in[0]; its length. */
static size_t wide(struct rendering *r, const char *in, size_t len)
{
	const unsigned char *c = (const unsigned char *)in;
	size_t n = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
	unsigned code;
	char text[16];

	if (c[0] < 0xc2 || n > len || !str_utf8(in, n)) {
		add(r, "\xef\xbf\xbd", 3, true);
		return 1;
	}
	code = n == 2 ? c[0] & 0x1fu : n == 3 ? c[0] & 0x0fu : c[0] & 0x07u;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (c[i] & 0x3fu);
	if (code < 0xa0)
		add(r, "\xef\xbf\xbd", 3, true);
	else if (is_odd(code))
		add(r, text, (size_t)snprintf(text, sizeof text, "U+%04X", code), true);
	else
		add(r, in, n, false);
	return n;
}

/* A control character: shown by its picture. */
static void control(struct rendering *r, unsigned char c)
{
	const char picture[] = {'\xe2', '\x90', (char)(c == 0x7f ? 0xa1 : 0x80 + c)};

	add(r, picture, sizeof picture, true);
}

/* One character or sequence at data[at]; its length. */
static size_t step(struct rendering *r, const char *data, size_t len, size_t at)
{
	unsigned char c = (unsigned char)data[at];
	size_t n = 0;

	while (
	    at + n < len && ((data[at + n] >= 0x20 && data[at + n] < 0x7f) || data[at + n] == '\t'))
		n++;
	/* A line that is too long is broken within. */
	if (at + n - r->line_at > ANSI_LINE_MAX)
		n = r->line_at + ANSI_LINE_MAX > at ? r->line_at + ANSI_LINE_MAX - at : 0;
	if (n) {
		add(r, data + at, n, false);
		return n;
	}
	if (c == '\n') {
		end_line(r, at + 1);
	} else if (c == '\r') {
		if (at + 1 < len && data[at + 1] != '\n' && data[at + 1] != '\r')
			clear_line(r, at + 1);
	} else if (c == 033) {
		return escape(r, data + at, len - at, at);
	} else if (c >= 0x80) {
		return wide(r, data + at, len - at);
	} else {
		control(r, c);
	}
	return 1;
}

/* Runs from one on to another, as a list. */
static struct view *list_of(struct arena *a, const struct rendering *r, size_t from, size_t to)
{
	const struct run *runs = (const struct run *)(const void *)r->runs.data;
	struct view *list = view_list(a);
	size_t at = from ? runs[from - 1].end : 0;

	for (size_t i = from; i < to; i++) {
		struct view *v = view_obj(a);

		view_strn(v, "text", r->text.data + at, runs[i].end - at);
		view_ref(v, "class", class_of(a, &runs[i]));
		view_push(list, v);
		at = runs[i].end;
	}
	return list;
}

void ansi_render(struct arena *a, const char *data, size_t len, const struct ansi_style *style,
    struct ansi_page *out)
{
	struct rendering r = {.style = *style, .line_style = *style};
	size_t line;

	buf_init(&r.text);
	buf_init(&r.runs);
	for (size_t at = 0; at < len;) {
		at += step(&r, data, len, at);
		if (at - r.line_at >= ANSI_LINE_MAX && (at == len || data[at] != '\n'))
			end_line(&r, at);
	}
	line = r.line_runs / sizeof(struct run);
	out->lines = list_of(a, &r, 0, line);
	out->line = list_of(a, &r, line, r.runs.len / sizeof(struct run));
	out->line_at = r.line_at;
	out->line_style = r.line_style;
	buf_release(&r.text);
	buf_release(&r.runs);
}
