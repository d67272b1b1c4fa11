/*
 * Mustache, first step: text to tokens, and the rules of white space.
 *
 * A line that holds tags but prints nothing itself (no text, no interpolation) leaves no trace: its
 * blanks and its line end are skipped, and its leading blanks become the indentation of the
 * partial, parent or block it begins with. Two constructs count as alone although their line holds
 * text: a parent with everything up to its end tag, and a block with its content; the block keeps
 * its line end. Content of a block that begins below its tag is freed of the blanks that its lines
 * share, so that it can be indented anew where it is printed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mustache_op.h"

#define NONE UINT32_MAX

struct lexer {
	const char *file, *p, *end;
	struct token_list *out;
	struct err *err;
	/* Delimiters; close[0] is for the } that ends a triple and the = that ends such a tag. */
	char open[32], close[34];
	size_t open_len, close_len;
	const char *next_tag; /* opening delimiter at or after p, or end; NULL: to be sought */
	const char *counted; /* line and column are those of this place */
	uint32_t line, column;
	uint32_t stack[MUSTACHE_NEST_MAX], depth;
};

enum rc mustache_fail(struct err *err, enum rc rc, const char *file, uint32_t line, uint32_t column,
    const char *fmt, ...)
{
	size_t len = strlen(file), room;
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* Of a path that is too long the end tells more, and the message must not be cut off. */
	room = sizeof err->text - sizeof ":4294967295:4294967295: " - strlen(text);
	return err_set(
	    err, rc, "%s:%u:%u: %s", file + (len > room ? len - room : 0), line, column, text);
}

static void count_to(struct lexer *lx, const char *to)
{
	for (; lx->counted < to; lx->counted++) {
		if (*lx->counted == '\n') {
			lx->line++;
			lx->column = 1;
		} else if ((*lx->counted & 0xc0) != 0x80) {
			lx->column++;
		}
	}
}

static struct token *add(struct lexer *lx, char type, const char *s, size_t len)
{
	struct token_list *out = lx->out;
	struct token *t;

	if (out->len == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 64;
		out->at = realloc(out->at, out->cap * sizeof *out->at);
		if (!out->at)
			bug("mustache: out of memory tokens=%u", out->cap);
	}
	t = out->at + out->len++;
	*t = (struct token){
	    .type = type,
	    .s = s,
	    .len = (uint32_t)len,
	    .match = NONE,
	    .indent = NONE,
	    .line = lx->line,
	    .column = lx->column,
	};
	if (lx->depth) {
		const struct token *in = out->at + lx->stack[lx->depth - 1];

		t->flags |= in->type == '<' ? TOKEN_DEAD : in->flags & TOKEN_DEAD;
	}
	return t;
}

static enum rc fail(const struct lexer *lx, const char *what)
{
	return mustache_fail(lx->err, RC_INVALID, lx->file, lx->line, lx->column, "%s", what);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void trim(const char **s, const char **end)
{
	while (*s < *end && is_space(**s))
		++*s;
	while (*end > *s && is_space((*end)[-1]))
		--*end;
}

static void seek_tag(struct lexer *lx)
{
	const char *at;

	if (lx->next_tag && lx->next_tag >= lx->p)
		return;
	at = memmem(lx->p, (size_t)(lx->end - lx->p), lx->open, lx->open_len);
	lx->next_tag = at ? at : lx->end;
}

/* One delimiter of a set-delimiter tag, moved past. */
static enum rc delimiter(
    struct lexer *lx, const char **s, const char *end, char out[static 32], size_t *out_len)
{
	const char *begin;

	while (*s < end && is_space(**s))
		++*s;
	begin = *s;
	while (*s < end && !is_space(**s) && **s != '=')
		++*s;
	*out_len = (size_t)(*s - begin);
	if (!*out_len || *out_len > 31)
		return fail(lx, "set-delimiter tag needs two delimiters of 1 to 31 characters");
	memcpy(out, begin, *out_len);
	return RC_OK;
}

static enum rc set_delimiters(struct lexer *lx, const char *s, const char *end)
{
	char open[32], close[32];
	size_t open_len, close_len;

	if (delimiter(lx, &s, end, open, &open_len) != RC_OK ||
	    delimiter(lx, &s, end, close, &close_len) != RC_OK)
		return RC_INVALID;
	while (s < end && is_space(*s))
		s++;
	if (s < end)
		return fail(lx, "set-delimiter tag needs two delimiters without white space or =");
	memcpy(lx->open, open, open_len);
	lx->open_len = open_len;
	memcpy(lx->close + 1, close, close_len);
	lx->close_len = close_len;
	add(lx, '=', s, 0);
	return RC_OK;
}

static enum rc close_tag(struct lexer *lx, const char *s, size_t len)
{
	struct token *all = lx->out->at, *open;
	uint32_t at;

	if (!lx->depth)
		return mustache_fail(lx->err, RC_INVALID, lx->file, lx->line, lx->column,
		    "end tag closes nothing: \"%.*s\"", (int)(len > 40 ? 40 : len), s);
	at = lx->stack[lx->depth - 1];
	open = all + at;
	if (open->flags & TOKEN_DYNAMIC && len && *s == '*') {
		const char *end = s + len;

		s++;
		trim(&s, &end);
		len = (size_t)(end - s);
	}
	if (open->len != len || memcmp(open->s, s, len) != 0)
		return mustache_fail(lx->err, RC_INVALID, lx->file, lx->line, lx->column,
		    "end tag \"%.*s\" does not close \"%.*s\" of line %u",
		    (int)(len > 40 ? 40 : len), s, (int)(open->len > 40 ? 40 : open->len), open->s,
		    open->line);
	lx->depth--;
	open->match = lx->out->len;
	add(lx, '/', s, len)->match = at;
	return RC_OK;
}

/* A tag that has a name, from its trimmed content. */
static enum rc name_tag(struct lexer *lx, char type, const char *s, const char *end)
{
	bool dynamic = (type == '>' || type == '<') && s < end && *s == '*';
	bool opens = type == '#' || type == '^' || type == '<' || type == '$';
	bool inside_parent = lx->depth && lx->out->at[lx->stack[lx->depth - 1]].type == '<';
	struct token *t;

	if (dynamic) {
		s++;
		trim(&s, &end);
	}
	if (s == end)
		return fail(lx, "tag without a name");
	for (const char *c = s; c < end; c++)
		if (is_space(*c) && type != '/')
			return fail(lx, "white space inside a name");
	if (type == '/')
		return close_tag(lx, s, (size_t)(end - s));
	if (opens && lx->depth == MUSTACHE_NEST_MAX)
		return fail(lx, "tags nested too deep");
	t = add(lx, type, s, (size_t)(end - s));
	if (dynamic)
		t->flags |= TOKEN_DYNAMIC;
	if (type == '$' && inside_parent)
		t->flags = TOKEN_ARG;
	if (opens)
		lx->stack[lx->depth++] = lx->out->len - 1;
	return RC_OK;
}

/* p stands at an opening delimiter. */
static enum rc tag(struct lexer *lx)
{
	const char *s = lx->p + lx->open_len, *end;
	char type = s < lx->end ? *s : '\0';
	size_t pair = type == '{' || type == '='; /* these end with a character of their own */
	enum rc rc;

	count_to(lx, lx->p);
	if (!type || !strchr("#^/$<>&{!=", type))
		type = TOKEN_NAME;
	else
		s++;
	lx->close[0] = type == '=' ? '=' : '}';
	end = memmem(s, (size_t)(lx->end - s), lx->close + 1 - pair, lx->close_len + pair);
	if (!end)
		return fail(lx,
		    type == '=' ? "set-delimiter tag does not end with =" : "tag is not closed");
	lx->p = end + lx->close_len + pair;
	if (type == '!') {
		add(lx, type, s, 0);
		rc = RC_OK;
	} else if (type == '=') {
		rc = set_delimiters(lx, s, end);
	} else {
		trim(&s, &end);
		rc = name_tag(lx, type == '{' ? TOKEN_RAW : type, s, end);
	}
	lx->next_tag = NULL;
	return rc;
}

/* Text up to the next tag or the end of the line; the end of the line. */
static void text(struct lexer *lx)
{
	const char *line_end = memchr(lx->p, '\n', (size_t)(lx->next_tag - lx->p));
	const char *end = line_end ? line_end : lx->next_tag, *c = lx->p;
	struct token *t;

	if (line_end && line_end > lx->p && line_end[-1] == '\r')
		end--;
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	if (lx->p < end) {
		t = add(lx, TOKEN_TEXT, lx->p, (size_t)(end - lx->p));
		if (c == end)
			t->flags |= TOKEN_BLANK;
	}
	lx->p = end;
	if (line_end) {
		add(lx, TOKEN_NEWLINE, end, (size_t)(line_end + 1 - end));
		lx->p = line_end + 1;
	}
}

static void indent(struct lexer *lx)
{
	const char *begin = lx->p;

	while (lx->p < lx->next_tag && (*lx->p == ' ' || *lx->p == '\t'))
		lx->p++;
	add(lx, TOKEN_INDENT, begin, (size_t)(lx->p - begin));
}

static enum rc tokens(struct lexer *lx)
{
	bool fresh = true;

	while (lx->p < lx->end) {
		seek_tag(lx);
		if (fresh)
			indent(lx);
		if (lx->p < lx->next_tag)
			text(lx);
		else if (lx->p < lx->end && tag(lx) != RC_OK)
			return RC_INVALID;
		fresh = lx->out->at[lx->out->len - 1].type == TOKEN_NEWLINE;
	}
	if (lx->depth) {
		const struct token *open = lx->out->at + lx->stack[lx->depth - 1];

		return mustache_fail(lx->err, RC_INVALID, lx->file, open->line, open->column,
		    "\"%.*s\" is not closed", (int)(open->len > 80 ? 80 : open->len), open->s);
	}
	return RC_OK;
}

/* ---- white space --------------------------------------------------------------------------- */

/* A line: tokens [begin, end), the first of them its indentation. */
struct line {
	uint32_t begin, end;
	uint32_t first, last; /* tags and texts that count; NONE if there are none */
	bool silent;          /* has tags, prints nothing */
};

static bool is_blank(const struct token *t)
{
	return t->type == TOKEN_INDENT || t->type == TOKEN_NEWLINE || t->flags & TOKEN_BLANK;
}

/* The blank text of {{$block}} {{/block}} is content. */
static bool is_content(const struct token *all, uint32_t i)
{
	return all[i].flags & TOKEN_BLANK && all[i - 1].type == '$' && all[i + 1].type == '/';
}

static struct line read_line(const struct token_list *list, uint32_t begin)
{
	struct line l = {.begin = begin, .first = NONE, .last = NONE};
	bool tags = false, prints = false;
	uint32_t i = begin;

	do {
		const struct token *t = list->at + i;

		if (is_blank(t) ? is_content(list->at, i)
				: !(t->flags & TOKEN_DEAD) || t->type == '/') {
			if (l.first == NONE)
				l.first = i;
			l.last = i;
			if (strchr("#^/$<>!=", t->type))
				tags = true;
			else
				prints = true;
		}
		i++;
	} while (i < list->len && list->at[i].type != TOKEN_INDENT);
	l.end = i;
	l.silent = tags && !prints;
	return l;
}

/* Only blanks between token i and the end of its line? *line_end is the newline, or list->len. */
static bool ends_line(const struct token_list *list, uint32_t i, uint32_t *line_end)
{
	for (i++; i < list->len && list->at[i].flags & TOKEN_BLANK;)
		i++;
	*line_end = i;
	return i == list->len || list->at[i].type == TOKEN_NEWLINE;
}

static void alone(struct token *all, uint32_t tag_at, uint32_t indent_at)
{
	struct token *t = all + tag_at;

	if (t->type != '>' && t->type != '<' && (t->type != '$' || t->flags & TOKEN_ARG))
		return;
	t->flags |= TOKEN_ALONE;
	t->indent = indent_at;
	all[indent_at].flags |= TOKEN_SKIP;
}

static void mark_line(struct token_list *list, const struct line *l)
{
	struct token *all = list->at, *first = all + l->first;
	bool position = first->type == '$' && !(first->flags & TOKEN_ARG);
	uint32_t end;

	if (l->silent &&
	    !(position && first->match < l->end && ends_line(list, first->match, &end))) {
		for (uint32_t i = l->begin; i < l->end; i++)
			if (is_blank(all + i))
				all[i].flags |= TOKEN_SKIP;
		alone(all, l->first, l->begin);
		if (all[l->last].type == '$') {
			alone(all, l->last, l->begin);
			all[l->last].flags |= TOKEN_BELOW;
		}
	} else if ((first->type == '<' || position) && ends_line(list, first->match, &end)) {
		alone(all, l->first, l->begin);
		if (first->type == '<')
			for (uint32_t i = first->match + 1; i < list->len && i <= end; i++)
				all[i].flags |= TOKEN_SKIP;
	}
}

/* Is the line that begins here one of those whose blanks the content of a block shares? */
static bool counts(const struct token_list *list, uint32_t i)
{
	const struct token *t = list->at + i, *next = t + 1;

	if (t->type != TOKEN_INDENT || i + 1 == list->len)
		return false;
	return t->flags & TOKEN_SKIP ? next->flags & TOKEN_ALONE && next->indent == i
				     : next->type != TOKEN_NEWLINE;
}

static void find_dedent(struct token_list *list, struct token *block)
{
	for (uint32_t i = (uint32_t)(block - list->at) + 1; i < block->match; i++) {
		const struct token *t = list->at + i;

		if (counts(list, i)) {
			uint32_t same = 0;

			if (!block->prefix) {
				block->prefix = t->s;
				block->dedent = t->len;
			}
			while (same < t->len && same < block->dedent &&
			       t->s[same] == block->prefix[same])
				same++;
			block->dedent = same;
		}
		/* What is inside a parent tag is indented where the parent prints it. */
		if (t->type == '<')
			i = t->match;
	}
}

enum rc mustache_lex(
    const char *file, const char *text_in, size_t len, struct token_list *out, struct err *err)
{
	struct lexer lx = {
	    .file = file,
	    .p = text_in,
	    .end = text_in + len,
	    .out = out,
	    .err = err,
	    .open = "{{",
	    .close = "}}}",
	    .open_len = 2,
	    .close_len = 2,
	    .counted = text_in,
	    .line = 1,
	    .column = 1,
	};

	*out = (struct token_list){0};
	if (tokens(&lx) != RC_OK)
		return RC_INVALID;
	for (uint32_t i = 0; i < out->len;) {
		struct line l = read_line(out, i);

		if (l.first != NONE)
			mark_line(out, &l);
		i = l.end;
	}
	for (uint32_t i = 0; i < out->len; i++)
		if (out->at[i].flags & TOKEN_BELOW)
			find_dedent(out, out->at + i);
	return RC_OK;
}
