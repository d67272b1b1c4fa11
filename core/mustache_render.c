/*
 * Mustache, third step: operations and a view to text.
 *
 * Written for speed where a page spends it. The end of the output is passed along in a register;
 * text is copied in fixed steps beyond its end (both sides keep slack for it); clean text is found
 * eight bytes at a time; a name remembers where the last object had it. Nothing is allocated but
 * the output.
 *
 * Names of blocks are resolved where they were written. A template runs in a frame with a chain of
 * the parent tags it came through, and the outermost argument wins. An argument's own content runs
 * in the frame that its text stands in, so that a block of the same name in another parent used
 * there is that parent's affair; only what no one overrides falls to the arguments beside it.
 */
#include <stdio.h>
#include <string.h>

#include "core/mustache_op.h"

/* Copying may write this far beyond the end of what it copies. */
#define SLACK 64
#define INDENT_MAX 16384
#define ESCAPE_CHUNK 4096

struct frame;

/* The arguments of one parent tag. */
struct arguments {
	const struct op *parent;
	const struct arguments *outer; /* of the tag that this template came through */
	const struct frame *frame;     /* that this tag stands in */
};

/* A template, or an argument's content, being rendered. */
struct frame {
	const struct mustache *tmpl;
	const struct arguments *args;
	const struct arguments *beside; /* content: the arguments it is one of */
	const struct op *self;          /* content: the argument */
};

struct render {
	struct buf *out;
	char *limit; /* p may come up to here; SLACK bytes follow */
	struct err *err;
	enum rc rc;
	uint32_t top, depth;
	uint64_t budget;
	struct mustache_set *set;
	size_t indent_at, indent_len; /* the indentation now, in `indent` */
	const struct view *stack[MUSTACHE_DEPTH_MAX + 2];
	char indent[INDENT_MAX];
};

static __attribute__((noinline)) char *more_room(struct render *r, char *p, size_t bytes)
{
	r->out->len = (size_t)(p - r->out->data);
	p = buf_reserve(r->out, bytes + SLACK);
	r->limit = r->out->data + r->out->cap - 1 - SLACK;
	return p;
}

static inline char *room(struct render *r, char *p, size_t bytes)
{
	return __builtin_expect((size_t)(r->limit - p) >= bytes, 1) ? p : more_room(r, p, bytes);
}

static char *put(struct render *r, char *p, const char *s, size_t len)
{
	p = room(r, p, len);
	memcpy(p, s, len);
	return p + len;
}

static char *put_indent(struct render *r, char *p)
{
	return put(r, p, r->indent + r->indent_at, r->indent_len);
}

/* The text of an operation in a template that is being indented, which empty lines are not. */
static __attribute__((noinline)) char *put_indented(struct render *r, const struct op *op, char *p)
{
	const char *s = op->text, *end = s + op->text_len, *line;

	if (op->flags & OP_BOL)
		p = put_indent(r, p);
	for (; (line = memchr(s, '\n', (size_t)(end - s))) != NULL; s = line) {
		line++;
		p = put(r, p, s, (size_t)(line - s));
		if (line < end
			? *line != '\n' && !(*line == '\r' && line + 1 < end && line[1] == '\n')
			: op->flags & OP_EOL)
			p = put_indent(r, p);
	}
	return put(r, p, s, (size_t)(end - s));
}

static inline char *put_text(struct render *r, const struct op *op, char *p)
{
	if (__builtin_expect(r->indent_len != 0, 0))
		return put_indented(r, op, p);
	p = room(r, p, op->text_len);
	if (op->text_len <= 64) {
		memcpy(p, op->text, 32);
		if (op->text_len > 32)
			memcpy(p + 32, op->text + 32, 32);
	} else {
		memcpy(p, op->text, op->text_len);
	}
	return p + op->text_len;
}

/* ---- values -------------------------------------------------------------------------------- */

/* Length and text of what a character is written as; length 0: as itself. */
static const struct entity {
	uint8_t len;
	char text[7];
} entities[256] = {
    ['&'] = {5, "&amp;"},
    ['<'] = {4, "&lt;"},
    ['>'] = {4, "&gt;"},
    ['"'] = {6, "&quot;"},
    ['\''] = {5, "&#39;"},
};

#define EACH(byte) (0x0101010101010101u * (byte))

/* Non-zero if one of eight bytes has an entity. & and ' differ in one bit, < and > too. */
static inline uint64_t needs_escape(uint64_t w)
{
	uint64_t quote = w ^ EACH('"');
	uint64_t amp = (w | EACH(1)) ^ EACH('\'');
	uint64_t angle = (w | EACH(2)) ^ EACH('>');

	return (((quote - EACH(1)) & ~quote) | ((amp - EACH(1)) & ~amp) |
		   ((angle - EACH(1)) & ~angle)) &
	       EACH(0x80);
}

static inline char *escape_bytes(char *p, const char *s, size_t len)
{
	for (const char *end = s + len; s < end; s++) {
		const struct entity *e = entities + (unsigned char)*s;

		if (__builtin_expect(e->len == 0, 1)) {
			*p++ = *s;
		} else {
			memcpy(p, e->text, 7);
			p += e->len;
		}
	}
	return p;
}

/* Fewer than 8 bytes: read as one word, by loads that overlap. */
static inline char *escape_few(char *p, const char *s, size_t len)
{
	uint32_t low, high;

	if (len >= 4) {
		memcpy(&low, s, 4);
		memcpy(&high, s + len - 4, 4);
		if (__builtin_expect(needs_escape(low | (uint64_t)high << 32) != 0, 0))
			return escape_bytes(p, s, len);
		memcpy(p, &low, 4);
		memcpy(p + len - 4, &high, 4);
		return p + len;
	}
	return escape_bytes(p, s, len);
}

/* There is room for six times len. */
static inline char *escape(char *p, const char *s, size_t len)
{
	uint64_t w;

	if (len < 8)
		return escape_few(p, s, len);
	for (; len >= 8; s += 8, len -= 8) {
		w = view_load(s, 8);
		if (__builtin_expect(needs_escape(w) == 0, 1)) {
			memcpy(p, &w, 8);
			p += 8;
		} else {
			p = escape_bytes(p, s, 8);
		}
	}
	if (!len)
		return p;
	/* The rest, read together with bytes that are done already. */
	w = view_load(s + len - 8, 8);
	w = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? w >> 8 * (8 - len) : w << 8 * (8 - len);
	if (__builtin_expect(needs_escape(w) != 0, 0))
		return escape_bytes(p, s, len);
	memcpy(p, &w, 8);
	return p + len;
}

static inline char *put_escaped(struct render *r, char *p, const char *s, size_t len)
{
	for (; __builtin_expect(len > ESCAPE_CHUNK, 0); s += ESCAPE_CHUNK, len -= ESCAPE_CHUNK)
		p = escape(room(r, p, ESCAPE_CHUNK * 6), s, ESCAPE_CHUNK);
	return escape(room(r, p, len * 6), s, len);
}

static char *put_scalar(struct render *r, char *p, const struct view *v)
{
	p = room(r, p, 40);
	switch (v->type) {
	case VIEW_INT:
		return p + view_print_int(v->i, p);
	case VIEW_REAL:
		return p + view_print_real(v->d, p);
	case VIEW_BOOL:
		memcpy(p, v->b ? "true " : "false", 5);
		return p + (v->b ? 4 : 5);
	default:
		return p;
	}
}

static bool is_true(const struct view *v)
{
	switch (v->type) {
	case VIEW_BOOL:
		return v->b;
	case VIEW_INT:
		return v->i != 0;
	case VIEW_REAL:
		return v->d != 0 && v->d == v->d;
	case VIEW_STR:
	case VIEW_LIST:
		return v->len != 0;
	case VIEW_OBJ:
		return true;
	default:
		return false;
	}
}

static inline const struct view *part(const struct view *in, struct op_name *name)
{
	if (__builtin_expect(in->type == VIEW_OBJ, 1))
		return view_find(in, &name->key);
	if (in->type == VIEW_LIST && name->index < in->len)
		return view_deref(in->items + name->index);
	return NULL;
}

/* The value of an operation's name: its first part is sought from the top of the stack down, the
 * others only in what the one before gave. NULL: there is none. */
static inline const struct view *find(const struct render *r, const struct op *op)
{
	const struct view *v;

	if (__builtin_expect(op->parts == 0, 0))
		return r->stack[r->top];
	v = part(r->stack[r->top], op->name);
	for (uint32_t i = r->top; !v && i-- > 0;)
		v = part(r->stack[i], op->name);
	if (__builtin_expect(op->parts == 1, 1))
		return v;
	for (uint16_t i = 1; v && i < op->parts; i++)
		v = part(v, op->name + i);
	return v;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static __attribute__((noinline)) char *failed(
    struct render *r, char *p, const struct frame *f, const struct op *op, const char *what)
{
	r->rc = mustache_fail(r->err, RC_LIMIT, f->tmpl->file, op->line, op->column, "%s", what);
	return p;
}

static char *run(struct render *r, const struct op *op, const struct frame *f, char *p);

/* What op brings in. */
static inline char *enter(
    struct render *r, const struct op *op, const struct op *body, const struct frame *f, char *p)
{
	if (__builtin_expect(r->depth == MUSTACHE_DEPTH_MAX, 0))
		return failed(r, p, f, op, "sections and partials nested too deep");
	if (__builtin_expect(r->budget == 0, 0))
		return failed(r, p, f, op, "rendering takes too long");
	r->budget--;
	r->depth++;
	p = run(r, body, f, p);
	r->depth--;
	return p;
}

static char *section(struct render *r, const struct op *op, const struct frame *f, char *p)
{
	const struct view *v = find(r, op);

	if (!v || !is_true(v))
		return p;
	r->top++;
	if (v->type == VIEW_LIST) {
		for (uint32_t i = 0; i < v->len && r->rc == RC_OK; i++) {
			r->stack[r->top] = view_deref(v->items + i);
			p = enter(r, op, op + 1, f, p);
		}
	} else {
		r->stack[r->top] = v;
		p = enter(r, op, op + 1, f, p);
	}
	r->top--;
	return p;
}

/* Indentation while something is brought in: that of now and of the tag, if it stands alone. */
static bool push_indent(struct render *r, const struct op *op)
{
	if (!(op->flags & OP_ALONE)) {
		r->indent_at += r->indent_len;
		r->indent_len = 0;
		return true;
	}
	if (op->indent_len > INDENT_MAX - r->indent_at - r->indent_len)
		return false;
	memcpy(r->indent + r->indent_at + r->indent_len, op->indent, op->indent_len);
	r->indent_len += op->indent_len;
	return true;
}

static const struct mustache *dynamic_target(struct render *r, const struct op *op)
{
	const struct view *v = find(r, op);
	const struct mustache *target = NULL;
	char number[24];

	if (v && v->type == VIEW_STR)
		r->rc = mustache_seek(r->set, v->s, v->len, &target, r->err);
	else if (v && v->type == VIEW_INT)
		r->rc = mustache_seek(
		    r->set, number, view_print_int(v->i, number), &target, r->err);
	return target;
}

static char *template(struct render *r, const struct op *op, const struct frame *f, char *p)
{
	const struct mustache *target = op->target ? op->target : dynamic_target(r, op);
	const struct arguments args = {.parent = op, .outer = f->args, .frame = f};
	const struct frame inner = {
	    .tmpl = target, .args = op->kind == OP_PARENT ? &args : f->args};
	size_t at = r->indent_at, len = r->indent_len;

	if (!target || !target->ops)
		return p;
	if (!push_indent(r, op))
		return failed(r, p, f, op, "indented too far");
	p = enter(r, op, target->ops, &inner, p);
	r->indent_at = at;
	r->indent_len = len;
	return p;
}

/* The argument of that name in a parent tag, or NULL. Of two the later counts. */
static const struct op *argument(const struct op *parent, const struct op_name *name)
{
	const struct op *found = NULL;

	if (parent->kind != OP_PARENT)
		return NULL;
	for (const struct op *op = parent + 1; op->kind == OP_ARG; op += op->skip + 1)
		if (op->name->key.tag == name->key.tag && op->name->key.len == name->key.len &&
		    memcmp(op->name->key.s, name->key.s, name->key.len) == 0)
			found = op;
	return found;
}

/* Who overrides this block, and among which arguments; NULL: nobody. */
static const struct op *overriding(
    const struct frame *f, const struct op *op, const struct arguments **among)
{
	const struct op *found = NULL, *arg;

	for (const struct arguments *a = f->args; a; a = a->outer) {
		arg = argument(a->parent, op->name);
		if (arg) {
			found = arg;
			*among = a;
		}
	}
	if (!found && f->beside) {
		arg = argument(f->beside->parent, op->name);
		if (arg != f->self) {
			found = arg;
			*among = f->beside;
		}
	}
	return found;
}

static bool is_empty(const struct op *op)
{
	return op[1].kind == OP_END && !op[1].text_len;
}

static char *block(struct render *r, const struct op *op, const struct frame *f, char *p)
{
	const struct arguments *among = NULL;
	const struct op *arg = overriding(f, op, &among), *content = arg ? arg : op;
	size_t at = r->indent_at, len = r->indent_len;
	struct frame inner = *f;

	if (arg) {
		inner.tmpl = among->frame->tmpl;
		inner.args = among->frame->args;
		inner.beside = among;
		inner.self = arg;
	} else if (!(op->flags & OP_ALONE)) {
		return enter(r, op, op + 1, f, p);
	}
	if (!push_indent(r, op))
		return failed(r, p, f, op, "indented too far");
	if (!(content->flags & OP_BELOW) && !is_empty(content))
		p = put_indent(r, p);
	if (!arg && !(op->flags & OP_BELOW)) {
		/* The further lines of this content still have their own blanks. */
		r->indent_at = at;
		r->indent_len = len;
	}
	p = enter(r, op, content + 1, &inner, p);
	r->indent_at = at;
	r->indent_len = len;
	return p;
}

static char *run(struct render *r, const struct op *op, const struct frame *f, char *p)
{
	const struct view *v;

	for (; r->rc == RC_OK; op++) {
		p = put_text(r, op, p);
		switch ((enum op_kind)op->kind) {
		case OP_VAR:
			v = find(r, op);
			if (__builtin_expect(v != NULL, 1))
				p = v->type == VIEW_STR ? put_escaped(r, p, v->s, v->len)
							: put_scalar(r, p, v);
			break;
		case OP_RAW:
			v = find(r, op);
			if (v)
				p = v->type == VIEW_STR ? put(r, p, v->s, v->len)
							: put_scalar(r, p, v);
			break;
		case OP_SECTION:
			p = section(r, op, f, p);
			op += op->skip;
			break;
		case OP_INVERTED:
			v = find(r, op);
			if (!v || !is_true(v))
				p = enter(r, op, op + 1, f, p);
			op += op->skip;
			break;
		case OP_PARTIAL:
		case OP_PARENT:
			p = template(r, op, f, p);
			op += op->skip;
			break;
		case OP_BLOCK:
			p = block(r, op, f, p);
			op += op->skip;
			break;
		default:
			return p;
		}
	}
	return p;
}

enum rc mustache_render(
    const struct mustache *tmpl, const struct view *data, struct buf *out, struct err *err)
{
	static const struct view nothing = {.type = VIEW_NULL};
	const struct frame f = {.tmpl = tmpl};
	struct render r;
	char *p;

	/* Not zeroed as a whole: it has kilobytes of stacks. */
	r.out = out;
	r.err = err;
	r.rc = RC_OK;
	r.top = r.depth = 0;
	r.indent_at = r.indent_len = 0;
	r.budget = mustache_budget(tmpl->set);
	r.set = tmpl->set;
	r.stack[0] = data ? data : &nothing;
	p = more_room(&r, out->data + out->len, 1024);
	p = run(&r, tmpl->ops, &f, p);
	*p = '\0';
	out->len = (size_t)(p - out->data);
	return r.rc;
}
