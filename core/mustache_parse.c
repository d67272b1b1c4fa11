/*
 * Mustache, second step: tokens to operations.
 *
 * The list is flat: text is gathered and given to the operation that comes next, so that runs of
 * text, comments and skipped white space between two tags become one copy; a body follows its
 * operation and ends with an OP_END. Where lines begin is kept as two flags per operation, which
 * only a template that is being indented looks at. Recursion is bounded by MUSTACHE_NEST_MAX.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mustache_op.h"

/* How far text may be read beyond its end: copying is done in steps. */
#define TEXT_SLACK 64

struct parser {
	struct mustache *tmpl;
	struct arena *arena;
	const struct token *all;
	uint32_t len;
	struct op *ops;
	uint32_t count, cap;
	struct buf text;   /* of all operations; op.text is an offset until the end */
	size_t begin;      /* of the text not yet given to an operation */
	size_t line_begin; /* where in `text` the last line that prints something begins */
	bool fresh;        /* the text not yet given away begins with a line */
	const char *strip; /* leading blanks to take from every line, and how many */
	uint32_t strip_len;
};

static uint32_t common(const char *s, uint32_t len, const char *prefix, uint32_t prefix_len)
{
	uint32_t n = 0;

	while (n < len && n < prefix_len && s[n] == prefix[n])
		n++;
	return n;
}

/* Appends an operation that prints the text gathered so far; returns its number. */
static uint32_t emit(struct parser *p, enum op_kind kind, const struct token *t)
{
	struct op *op;

	if (p->count == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 32;
		p->ops = realloc(p->ops, p->cap * sizeof *p->ops);
		if (!p->ops)
			bug("mustache: out of memory operations=%u", p->cap);
	}
	op = p->ops + p->count;
	*op = (struct op){
	    .kind = (uint8_t)kind,
	    .text = (const char *)p->begin,
	    .text_len = (uint32_t)(p->text.len - p->begin),
	    .line = t ? t->line : 0,
	    .column = t ? t->column : 0,
	};
	if (p->fresh)
		op->flags |= OP_BOL;
	if (op->text_len && p->line_begin == p->text.len)
		op->flags |= OP_EOL;
	p->begin = p->text.len;
	p->line_begin = SIZE_MAX;
	p->fresh = false;
	return p->count++;
}

static void name_part(struct op_name *part, const char *s, uint32_t len)
{
	uint64_t n = 0;

	*part = (struct op_name){.key = view_key(s, len), .index = UINT32_MAX};
	for (uint32_t i = 0; i < len && n < UINT32_MAX; i++) {
		if (s[i] < '0' || s[i] > '9')
			return;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	if (len && n < UINT32_MAX)
		part->index = (uint32_t)n;
}

/* "a.b.c" to parts; "." has none. */
static enum rc dotted(struct parser *p, uint32_t at, const struct token *t, struct err *err)
{
	const char *s = t->s, *end = s + t->len, *dot;
	uint32_t parts = 1, i = 0;
	struct op *op = p->ops + at;

	if (t->len == 1 && *s == '.')
		return RC_OK;
	for (const char *c = s; c < end; c++)
		parts += *c == '.';
	if (parts > UINT16_MAX)
		return mustache_fail(
		    err, RC_INVALID, p->tmpl->file, t->line, t->column, "name has too many parts");
	op->name = arena_alloc(p->arena, parts * sizeof *op->name);
	op->parts = (uint16_t)parts;
	for (; s <= end; s = dot + 1) {
		dot = memchr(s, '.', (size_t)(end - s));
		if (!dot)
			dot = end;
		if (dot == s)
			return mustache_fail(err, RC_INVALID, p->tmpl->file, t->line, t->column,
			    "name has an empty part: \"%.*s\"", (int)(t->len > 80 ? 80 : t->len),
			    t->s);
		name_part(op->name + i++, s, (uint32_t)(dot - s));
	}
	return RC_OK;
}

static void set_indent(struct parser *p, uint32_t at, const struct token *t)
{
	const struct token *in = p->all + t->indent;
	struct op *op = p->ops + at;
	const char *s;
	uint32_t len, cut;

	if (t->flags & TOKEN_BELOW)
		op->flags |= OP_BELOW;
	if (!(t->flags & TOKEN_ALONE))
		return;
	op->flags |= OP_ALONE;
	/* A block whose content has an indentation of its own is placed by that. */
	s = t->prefix ? t->prefix : in->s;
	len = t->prefix ? t->dedent : in->len;
	cut = common(s, len, p->strip, p->strip_len);
	op->indent = s + cut;
	op->indent_len = len - cut;
}

static void put_text(struct parser *p, const struct token *t)
{
	uint32_t cut = 0;

	if (t->flags & (TOKEN_SKIP | TOKEN_DEAD))
		return;
	if (t->type == TOKEN_INDENT) {
		bool prints = t->len || (t + 1 < p->all + p->len && t[1].type != TOKEN_NEWLINE);

		if (prints && p->begin == p->text.len)
			p->fresh = true;
		if (prints)
			p->line_begin = p->text.len;
		cut = common(t->s, t->len, p->strip, p->strip_len);
	}
	buf_add(&p->text, t->s + cut, t->len - cut);
}

static enum rc body(struct parser *p, uint32_t from, uint32_t to, struct err *err);

static void block_name(struct parser *p, uint32_t at, const struct token *t)
{
	struct op *op = p->ops + at;

	op->name = arena_alloc(p->arena, sizeof *op->name);
	op->parts = 1;
	name_part(op->name, t->s, t->len);
}

/* The body between an opening tag and its end, and its OP_END. */
static enum rc enclosed(struct parser *p, uint32_t at, const struct token *t, struct err *err)
{
	const char *strip = p->strip;
	uint32_t strip_len = p->strip_len, end;
	enum rc rc;

	if (t->flags & TOKEN_BELOW && t->prefix) {
		p->strip = t->prefix;
		p->strip_len = t->dedent;
	} else if (t->flags & TOKEN_ARG) {
		p->strip_len = 0;
	}
	rc = body(p, (uint32_t)(t - p->all) + 1, t->match, err);
	p->strip = strip;
	p->strip_len = strip_len;
	end = emit(p, OP_END, NULL);
	p->ops[at].skip = end - at;
	return rc;
}

/* Of what stands in a parent tag only the arguments matter. */
static enum rc arguments(struct parser *p, uint32_t at, const struct token *parent, struct err *err)
{
	enum rc rc = RC_OK;
	uint32_t end;

	for (const struct token *t = parent + 1; t < p->all + parent->match && rc == RC_OK; t++) {
		if (t->type == '$' && t->flags & TOKEN_ARG) {
			uint32_t arg = emit(p, OP_ARG, t);

			block_name(p, arg, t);
			set_indent(p, arg, t);
			rc = enclosed(p, arg, t, err);
		}
		if (strchr("#^<$", t->type))
			t = p->all + t->match;
	}
	end = emit(p, OP_END, NULL);
	p->ops[at].skip = end - at;
	return rc;
}

/* Partial or parent: bound to its template now, or to a value that will name one. */
static enum rc target(struct parser *p, uint32_t at, const struct token *t, struct err *err)
{
	set_indent(p, at, t);
	if (t->flags & TOKEN_DYNAMIC)
		return dotted(p, at, t, err);
	p->ops[at].target = mustache_intern(p->tmpl->set, t->s, t->len);
	return RC_OK;
}

/* One token; of an opening tag, all up to its end. */
static enum rc one(struct parser *p, const struct token *t, struct err *err)
{
	uint32_t at;
	enum rc rc;

	switch (t->type) {
	case TOKEN_NAME:
	case TOKEN_RAW:
		return dotted(p, emit(p, t->type == TOKEN_RAW ? OP_RAW : OP_VAR, t), t, err);
	case '#':
	case '^':
		at = emit(p, t->type == '#' ? OP_SECTION : OP_INVERTED, t);
		rc = dotted(p, at, t, err);
		return rc == RC_OK ? enclosed(p, at, t, err) : rc;
	case '>':
		return target(p, emit(p, OP_PARTIAL, t), t, err);
	case '<':
		at = emit(p, OP_PARENT, t);
		rc = target(p, at, t, err);
		return rc == RC_OK ? arguments(p, at, t, err) : rc;
	case '$':
		at = emit(p, OP_BLOCK, t);
		block_name(p, at, t);
		set_indent(p, at, t);
		return enclosed(p, at, t, err);
	case TOKEN_INDENT:
	case TOKEN_TEXT:
	case TOKEN_NEWLINE:
		put_text(p, t);
		return RC_OK;
	default:
		return RC_OK;
	}
}

static enum rc body(struct parser *p, uint32_t from, uint32_t to, struct err *err)
{
	enum rc rc = RC_OK;

	for (uint32_t i = from; i < to && rc == RC_OK; i++) {
		rc = one(p, p->all + i, err);
		if (strchr("#^<$", p->all[i].type))
			i = p->all[i].match;
	}
	return rc;
}

/* Move what was built to the arena. */
static void finish(struct parser *p)
{
	char *text = arena_zalloc(p->arena, p->text.len + TEXT_SLACK);
	struct op *ops = arena_alloc(p->arena, p->count * sizeof *ops);

	memcpy(text, p->text.data, p->text.len);
	memcpy(ops, p->ops, p->count * sizeof *ops);
	for (uint32_t i = 0; i < p->count; i++)
		ops[i].text = text + (size_t)ops[i].text;
	p->tmpl->ops = ops;
	p->tmpl->count = p->count;
}

enum rc mustache_parse(
    struct mustache *tmpl, struct arena *a, const char *text, size_t len, struct err *err)
{
	struct parser p = {.tmpl = tmpl, .arena = a, .line_begin = SIZE_MAX};
	struct token_list tokens;
	enum rc rc;

	buf_init(&p.text);
	rc = mustache_lex(tmpl->file, text, len, &tokens, err);
	p.all = tokens.at;
	p.len = tokens.len;
	if (rc == RC_OK)
		rc = body(&p, 0, tokens.len, err);
	if (rc == RC_OK) {
		emit(&p, OP_END, NULL);
		finish(&p);
	}
	free(p.ops);
	free(tokens.at);
	buf_release(&p.text);
	return rc;
}
