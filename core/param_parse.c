/*
 * Declarations of parameters: `KIND WORD… default V label "…" help "…" required pattern "…" min N
 * max N flag WORD`. A choice's words stand between its kind and the first of the other keywords.
 *
 * Everything is checked here, the default against the rest of the declaration included, so that
 * whoever reads a published one need not.
 */
#include <string.h>

#include "core/argv.h"
#include "core/param.h"
#include "core/str.h"

#define NAME_MAX_LEN 31
#define LABEL_MAX 100
#define HELP_MAX 500
#define LENGTH_MAX 4000
#define CHOICES_MAX 200

/* What is being read, for the readers of keywords. */
struct reading {
	struct param *p;
	const char **at; /* the words that follow */
	struct arena *arena;
	struct err *err;
};

#define BIT(kind) (1u << PARAM_KIND_##kind)
#define ANY ((1u << PARAM_KIND_MAX) - 1)

struct keyword {
	const char *name;
	unsigned kinds; /* that may have it */
	size_t offset;  /* where its one word goes; 0: it has none */
	size_t longest;
};

/* clang-format off */
static const struct keyword keywords[] = {
	{"default", ANY & ~(BIT(SECRET) | BIT(FILE)), offsetof(struct param, def), 4 * LENGTH_MAX},
	{"label", ANY, offsetof(struct param, label), LABEL_MAX},
	{"help", ANY, offsetof(struct param, help), HELP_MAX},
	{"pattern", BIT(TEXT) | BIT(SECRET), offsetof(struct param, pattern), HELP_MAX},
	{"min", BIT(TEXT) | BIT(SECRET) | BIT(INTEGER) | BIT(NUMBER) | BIT(DATE),
	    offsetof(struct param, min), 40},
	{"max", BIT(TEXT) | BIT(SECRET) | BIT(INTEGER) | BIT(NUMBER) | BIT(DATE),
	    offsetof(struct param, max), 40},
	{"flag", ANY & ~BIT(SECRET), offsetof(struct param, flag), 200},
	{"required", ANY & ~BIT(BOOLEAN), 0, 0},
};
/* clang-format on */

static const struct keyword *find_keyword(const char *word)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strcmp(keywords[i].name, word) == 0)
			return &keywords[i];
	return NULL;
}

static enum rc read_name(const char *name, struct param *p, struct err *err)
{
	/* The placeholders that every command has. */
	static const char *const reserved[] = {
	    "input", "inputs", "output", "stem", "ext", "name", NULL};
	size_t len = strlen(name);

	if (!len || len > NAME_MAX_LEN || *name < 'a' || *name > 'z' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return err_set(err, RC_INVALID,
		    "bad name \"%.60s\" (allowed: 1 to %d of a-z 0-9 _, beginning with a letter)",
		    name, NAME_MAX_LEN);
	for (size_t i = 0; reserved[i]; i++)
		if (strcmp(reserved[i], name) == 0)
			return err_set(err, RC_INVALID, "the name \"%s\" is reserved", name);
	p->name = p->label = name;
	return RC_OK;
}

static enum rc read_kind(struct reading *r)
{
	const char *word = *r->at ? *r->at++ : "";
	int k = 0;

	while (param_kind_names[k] && strcmp(param_kind_names[k], word) != 0)
		k++;
	r->p->kind = (enum param_kind)k;
	if (k < PARAM_KIND_MAX)
		return RC_OK;
	return err_set(r->err, RC_INVALID,
	    "unknown kind \"%.60s\" (allowed: text integer number choice boolean date secret file)",
	    word);
}

/* The words of a choice; the list of any other kind is empty. */
static enum rc read_choices(struct reading *r)
{
	const char **from = r->at, **list;
	size_t n = 0;

	if (r->p->kind == PARAM_KIND_CHOICE)
		while (r->at[n] && !find_keyword(r->at[n]))
			n++;
	r->p->choices = list = arena_alloc(r->arena, (n + 1) * sizeof *list);
	memcpy(list, from, n * sizeof *list);
	list[n] = NULL;
	r->at += n;
	if (r->p->kind == PARAM_KIND_CHOICE && (n < 2 || n > CHOICES_MAX))
		return err_set(
		    r->err, RC_INVALID, "a choice has 2 to %d words to choose from", CHOICES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!*list[i])
			return err_set(r->err, RC_INVALID, "a word to choose must not be empty");
		for (size_t j = 0; j < i; j++)
			if (strcmp(list[i], list[j]) == 0)
				return err_set(
				    r->err, RC_INVALID, "\"%.60s\" can be chosen twice", list[i]);
	}
	return RC_OK;
}

static enum rc read_keyword(struct reading *r, unsigned *seen)
{
	const char *word = *r->at++;
	const struct keyword *k = find_keyword(word);
	unsigned bit;

	if (!k)
		return err_set(r->err, RC_INVALID,
		    "unknown word \"%.60s\" (allowed: default label help required pattern min max "
		    "flag; quote what has blanks)",
		    word);
	bit = 1u << (k - keywords);
	if (*seen & bit)
		return err_set(r->err, RC_INVALID, "%s stands there twice", word);
	*seen |= bit;
	if (!(k->kinds >> r->p->kind & 1))
		return err_set(r->err, RC_INVALID, "%s means nothing for kind %s", word,
		    param_kind_names[r->p->kind]);
	if (!k->offset) {
		r->p->required = true;
		return RC_OK;
	}
	if (!*r->at || !**r->at)
		return err_set(r->err, RC_INVALID, "%s needs a value behind it", word);
	if (strlen(*r->at) > k->longest)
		return err_set(r->err, RC_INVALID, "%s is longer than %zu bytes", word, k->longest);
	*(const char **)((char *)r->p + k->offset) = *r->at++;
	return RC_OK;
}

/* min and max: of the kind itself, or a length. */
static enum rc check_bounds(struct reading *r)
{
	bool length = r->p->kind == PARAM_KIND_TEXT || r->p->kind == PARAM_KIND_SECRET;
	struct param bound = {.label = "", .kind = length ? PARAM_KIND_INTEGER : r->p->kind};
	const char **ends[] = {&r->p->min, &r->p->max};
	int64_t n;

	for (int i = 0; i < 2; i++) {
		const char *end = *ends[i], *why = i ? "max" : "min";

		if (!end)
			continue;
		/* The lower bound holds for the upper one. */
		bound.min = i ? r->p->min : NULL;
		if (param_value(&bound, end, strlen(end), r->arena, ends[i], NULL) != RC_OK ||
		    (length && !str_int(end, 0, LENGTH_MAX, &n)))
			return err_set(r->err, RC_INVALID, "bad value \"%.40s\" for %s%s", end, why,
			    length ? " (a length in characters, at most 4000)" : "");
	}
	return RC_OK;
}

static enum rc check_default(struct reading *r)
{
	struct param *p = r->p;
	struct err why;

	if (p->kind == PARAM_KIND_BOOLEAN && !p->def)
		p->def = "no";
	if (!p->def)
		return RC_OK;
	if (param_value(p, p->def, strlen(p->def), r->arena, &p->def, &why) != RC_OK)
		return err_set(r->err, RC_INVALID, "bad default: %s", why.text);
	return RC_OK;
}

enum rc param_parse(
    const char *name, const char *text, struct arena *a, struct param *out, struct err *err)
{
	struct reading r = {.p = out, .arena = a, .err = err};
	unsigned seen = 0;
	enum rc rc;

	*out = (struct param){.help = ""};
	rc = read_name(name, out, err);
	if (rc == RC_OK)
		rc = argv_split(text, a, &r.at, NULL, err);
	if (rc == RC_OK)
		rc = read_kind(&r);
	if (rc == RC_OK)
		rc = read_choices(&r);
	while (rc == RC_OK && *r.at)
		rc = read_keyword(&r, &seen);
	if (rc == RC_OK && out->pattern)
		rc = param_pattern_check(out->pattern, err);
	if (rc == RC_OK)
		rc = check_bounds(&r);
	return rc == RC_OK ? check_default(&r) : rc;
}
