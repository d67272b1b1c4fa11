/*
 * View: objects keep their members in one array in the order they were set, lists their elements;
 * both grow in the arena and leave the old array behind. Keys are
 * compared by a 64-bit tag first; an object of many members also gets an index, so that a thousand
 * columns stay linear.
 */
#include "core/view.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/view_node.h"

#define INDEX_FROM 32u
#define JSON_DEPTH 2000

char view_seed;

static struct view_node *node_of(struct view *v, enum view_type type)
{
	if (v->type != type)
		bug("view: value is not of the type asked for type=%d", v->type);
	return (struct view_node *)v;
}

static struct view *new_node(struct arena *a, enum view_type type)
{
	struct view_node *n = arena_alloc(a, sizeof *n);

	*n = (struct view_node){.view = {.type = type}, .arena = a};
	return &n->view;
}

struct view *view_obj(struct arena *a)
{
	return new_node(a, VIEW_OBJ);
}

struct view *view_list(struct arena *a)
{
	return new_node(a, VIEW_LIST);
}

struct view *view_like(struct arena *a, const struct view *model)
{
	const struct view_node *from = (const struct view_node *)model;
	struct view_node *n = arena_alloc(a, sizeof *n);

	if (model->type != VIEW_OBJ)
		bug("view: not an object");
	*n = *from;
	n->arena = a;
	n->next = 0;
	/* The index is the model's: the first member beyond makes a new one. */
	n->cap = model->len;
	n->view.members = arena_alloc(a, model->len * sizeof *model->members);
	for (uint32_t i = 0; i < model->len; i++) {
		n->view.members[i] = model->members[i];
		n->view.members[i].value = (struct view){.type = VIEW_NULL};
	}
	return &n->view;
}

/* A larger array of `size`-byte elements for a full one: 8, 32 (a row of a table), doubled. */
static void *grow(struct view_node *n, void *old, size_t size)
{
	uint32_t cap = 8;
	void *new;

	if (n->cap > UINT32_MAX / 8)
		bug("view: too many members=%u", n->cap);
	while (cap <= n->cap)
		cap = cap == 8 ? 32 : cap * 2;
	new = arena_alloc(n->arena, cap * size);
	if (n->cap)
		memcpy(new, old, n->cap * size);
	n->cap = cap;
	return new;
}

static void index_add(struct view_node *n, uint32_t member)
{
	uint32_t mask = n->index_size - 1;
	uint32_t at = view_spread(n->view.members[member].tag) & mask;

	while (n->index[at])
		at = (at + 1) & mask;
	n->index[at] = member + 1;
}

/* At most half full: it is made anew, twice as large as the array, whenever that has grown. */
static void index_build(struct view_node *n)
{
	n->index_size = n->cap * 2;
	n->index = arena_zalloc(n->arena, n->index_size * sizeof *n->index);
	for (uint32_t i = 0; i < n->view.len; i++)
		index_add(n, i);
}

static struct view_member *lookup(const struct view_node *n, const struct view_key *key)
{
	struct view_member *m = n->view.members;

	if (!(n->seen >> (key->spread & 63) & 1))
		return NULL;
	if (n->index) {
		uint32_t mask = n->index_size - 1;

		for (uint32_t at = key->spread & mask; n->index[at]; at = (at + 1) & mask)
			if (view_key_is(m + n->index[at] - 1, key->s, key->len, key->tag))
				return m + n->index[at] - 1;
		return NULL;
	}
	for (const struct view_member *end = m + n->view.len; m < end; m++)
		if (view_key_is(m, key->s, key->len, key->tag))
			return m;
	return NULL;
}

/* The slot of that key, made if it is new. */
static struct view *slot(struct view *obj, const char *name)
{
	struct view_node *n = node_of(obj, VIEW_OBJ);
	struct view_member *m = obj->members + n->next;
	struct view_key key;
	size_t len;

	if (n->next < obj->len && m->key == name) {
		n->next++;
		return &m->value;
	}
	len = strlen(name);
	key = view_key(name, len);
	m = lookup(n, &key);
	if (m) {
		n->next = (uint32_t)(m - obj->members) + 1;
		return &m->value;
	}
	if (len > UINT32_MAX)
		bug("view: impossible key bytes=%zu", len);
	if (obj->len == n->cap) {
		obj->members = grow(n, obj->members, sizeof *m);
		if (n->cap > INDEX_FROM)
			index_build(n);
	}
	m = obj->members + obj->len++;
	*m = (struct view_member){.key = name, .key_len = (uint32_t)len, .tag = key.tag};
	n->seen |= 1ull << (key.spread & 63);
	if (n->index)
		index_add(n, obj->len - 1);
	n->next = obj->len;
	return &m->value;
}

static struct view *element(struct view *list)
{
	struct view_node *n = node_of(list, VIEW_LIST);

	if (list->len == n->cap)
		list->items = grow(n, list->items, sizeof *list->items);
	return list->items + list->len++;
}

static struct arena *arena_of(struct view *v)
{
	return ((struct view_node *)v)->arena;
}

static void set_text(struct view *at, const char *s, size_t len)
{
	if (len > UINT32_MAX)
		bug("view: impossible text bytes=%zu", len);
	*at = s ? (struct view){.type = VIEW_STR, .len = (uint32_t)len, .s = s}
		: (struct view){.type = VIEW_NULL};
}

static void set_value(struct view *at, struct view *value)
{
	if (!value)
		*at = (struct view){.type = VIEW_NULL};
	else if (value->type == VIEW_OBJ || value->type == VIEW_LIST)
		*at = (struct view){.type = VIEW_LINK, .link = value};
	else
		*at = *value;
}

void view_str(struct view *obj, const char *key, const char *s)
{
	view_strn(obj, key, s, s ? strlen(s) : 0);
}

void view_strn(struct view *obj, const char *key, const char *s, size_t len)
{
	struct view *at = slot(obj, key);

	set_text(at, s ? arena_strndup(arena_of(obj), s, len) : NULL, len);
}

void view_ref(struct view *obj, const char *key, const char *s)
{
	set_text(slot(obj, key), s, s ? strlen(s) : 0);
}

void view_int(struct view *obj, const char *key, int64_t i)
{
	*slot(obj, key) = (struct view){.type = VIEW_INT, .i = i};
}

void view_real(struct view *obj, const char *key, double d)
{
	*slot(obj, key) = (struct view){.type = VIEW_REAL, .d = d};
}

void view_bool(struct view *obj, const char *key, bool b)
{
	*slot(obj, key) = (struct view){.type = VIEW_BOOL, .b = b};
}

void view_null(struct view *obj, const char *key)
{
	*slot(obj, key) = (struct view){.type = VIEW_NULL};
}

void view_put(struct view *obj, const char *key, struct view *value)
{
	set_value(slot(obj, key), value);
}

void view_push(struct view *list, struct view *value)
{
	set_value(element(list), value);
}

void view_push_str(struct view *list, const char *s)
{
	struct view *at = element(list);

	set_text(at, arena_strdup(arena_of(list), s), s ? strlen(s) : 0);
}

struct view *view_words(const char *const *list, struct arena *a)
{
	struct view *v = view_list(a);

	for (; *list; list++)
		view_push_str(v, *list);
	return v;
}

enum view_type view_type(const struct view *v)
{
	return v ? (enum view_type)v->type : VIEW_NULL;
}

const struct view *view_seek(const struct view *obj, struct view_key *key)
{
	const struct view_member *m = lookup((const struct view_node *)obj, key);

	if (!m)
		return NULL;
	key->hint = (uint32_t)(m - obj->members);
	return view_deref(&m->value);
}

const struct view *view_get(const struct view *obj, const char *key)
{
	struct view_key k = view_key(key, strlen(key));
	const struct view_member *m;

	if (!obj || obj->type != VIEW_OBJ)
		return NULL;
	m = lookup((const struct view_node *)obj, &k);
	return m ? view_deref(&m->value) : NULL;
}

const struct view *view_at(const struct view *list, size_t i)
{
	return list && list->type == VIEW_LIST && i < list->len ? view_deref(list->items + i)
								: NULL;
}

const char *view_name(const struct view *obj, size_t i)
{
	return obj->type == VIEW_OBJ && i < obj->len ? obj->members[i].key : NULL;
}

size_t view_len(const struct view *v)
{
	return v ? v->len : 0;
}

const char *view_text(const struct view *v)
{
	return v && v->type == VIEW_STR ? v->s : NULL;
}

int64_t view_number(const struct view *v)
{
	return v && v->type == VIEW_INT ? v->i : 0;
}

size_t view_print_int(int64_t i, char out[static 24])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	size_t len = 1 + (i < 0);
	char *p;

	for (uint64_t bound = 10; u >= bound; bound *= 10) {
		len++;
		if (bound > UINT64_MAX / 10)
			break;
	}
	p = out + len;
	for (; u >= 100; u /= 100)
		memcpy(p -= 2, pairs + 2 * (u % 100), 2);
	if (u >= 10)
		memcpy(p - 2, pairs + 2 * u, 2);
	else
		p[-1] = (char)('0' + u);
	if (i < 0)
		out[0] = '-';
	return len;
}

/* The shortest digits of d that read back as d, without trailing zeros; returns how many, and the
 * exponent of the first. */
static int shortest(double d, char digits[static 20], int *exp)
{
	char sci[40], *e;
	int n = 0;

	for (int places = fabs(d) < DBL_MIN ? 0 : 14; places < 17; places++) {
		snprintf(sci, sizeof sci, "%.*e", places, d);
		if (strtod(sci, NULL) == d)
			break;
	}
	e = strchr(sci, 'e');
	*exp = atoi(e + 1);
	for (const char *c = sci; c < e; c++)
		if (*c >= '0' && *c <= '9')
			digits[n++] = *c;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	return n;
}

size_t view_print_real(double d, char out[static 40])
{
	char digits[20], *p = out;
	int n, exp;

	if (!isfinite(d))
		return 0;
	if (d == 0) {
		*p = '0';
		return 1;
	}
	n = shortest(d, digits, &exp);
	if (d < 0)
		*p++ = '-';
	if (exp >= 21 || exp < -6) {
		*p++ = digits[0];
		if (n > 1)
			p += sprintf(p, ".%.*s", n - 1, digits + 1);
		p += sprintf(p, "e%+d", exp);
		return (size_t)(p - out);
	}
	if (exp < 0)
		*p++ = '0';
	for (int i = exp < 0 ? exp + 1 : 0; i <= exp || i < n; i++) {
		if (i == exp + 1)
			*p++ = '.';
		*p++ = i >= 0 && i < n ? digits[i] : '0';
	}
	return (size_t)(p - out);
}

static void json_text(const char *s, size_t len, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	const char *end = s + len, *run = s;

	buf_addc(out, '"');
	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;
		char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		size_t taken = 1;

		if (c == 0xe2 && end - s > 2 && s[1] == '\x80' &&
		    (s[2] == '\xa8' || s[2] == '\xa9')) {
			memcpy(u + 2, s[2] == '\xa8' ? "2028" : "2029", 4);
			taken = 3;
		} else if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' &&
			   c != 0x7f) {
			continue;
		}
		buf_add(out, run, (size_t)(s - run));
		if (c == '"' || c == '\\') {
			u[1] = (char)c;
			buf_add(out, u, 2);
		} else {
			buf_add(out, u, 6);
		}
		s += taken - 1;
		run = s + 1;
	}
	buf_add(out, run, (size_t)(s - run));
	buf_addc(out, '"');
}

static void json_value(const struct view *v, int depth, struct buf *out);

static void json_members(const struct view *v, int depth, struct buf *out)
{
	bool obj = v->type == VIEW_OBJ;

	buf_addc(out, obj ? '{' : '[');
	for (uint32_t i = 0; i < v->len; i++) {
		if (i)
			buf_addc(out, ',');
		if (obj) {
			json_text(v->members[i].key, v->members[i].key_len, out);
			buf_addc(out, ':');
		}
		json_value(view_deref(obj ? &v->members[i].value : v->items + i), depth + 1, out);
	}
	buf_addc(out, obj ? '}' : ']');
}

static void json_value(const struct view *v, int depth, struct buf *out)
{
	char number[40];

	if (depth > JSON_DEPTH)
		bug("view: holds itself");
	switch (view_type(v)) {
	case VIEW_BOOL:
		buf_adds(out, v->b ? "true" : "false");
		break;
	case VIEW_INT:
		buf_add(out, number, view_print_int(v->i, number));
		break;
	case VIEW_REAL:
		if (isfinite(v->d))
			buf_add(out, number, view_print_real(v->d, number));
		else
			buf_adds(out, "null");
		break;
	case VIEW_STR:
		json_text(v->s, v->len, out);
		break;
	case VIEW_LIST:
	case VIEW_OBJ:
		json_members(v, depth, out);
		break;
	default:
		buf_adds(out, "null");
	}
}

void view_json(const struct view *v, struct buf *out)
{
	json_value(v, 0, out);
}
