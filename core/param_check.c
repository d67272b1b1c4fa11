/*
 * Checking what was given for parameters. Sentences are for the person who filled in the form: they
 * begin with the label and never repeat the value, which may be a secret.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/param.h"
#include "core/str.h"

/* A length nobody needs more of when the declaration names none. */
#define TEXT_MAX "1000"
#define NUMBER_MAX 40

static enum rc wrong(const struct param *p, struct err *err, const char *what)
{
	return err_set(err, RC_INVALID, "%s %s", p->label, what);
}

/* "must be X from MIN to MAX", with what of it is declared. */
static enum rc out_of_bounds(const struct param *p, struct err *err, struct arena *a, const char *x)
{
	return wrong(p, err,
	    p->min && p->max ? arena_printf(a, "must be %s from %s to %s", x, p->min, p->max)
	    : p->min         ? arena_printf(a, "must be %s, at least %s", x, p->min)
	    : p->max         ? arena_printf(a, "must be %s, at most %s", x, p->max)
			     : arena_printf(a, "must be %s", x));
}

/* ---- kinds: each gets a text that is UTF-8, of one line, and not empty ---- */

static enum rc check_text(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	const char *max = p->max ? p->max : TEXT_MAX;
	size_t length = 0;

	for (const char *s = value; *s; s++)
		length += (*s & 0xc0) != 0x80;
	if (length > strtoul(max, NULL, 10))
		return wrong(p, err, arena_printf(a, "must have at most %s characters", max));
	if (p->min && length < strtoul(p->min, NULL, 10))
		return wrong(p, err, arena_printf(a, "must have at least %s characters", p->min));
	if (p->pattern && !param_pattern_match(p->pattern, value))
		return wrong(p, err, "does not have the form that is asked for");
	*out = arena_strdup(a, value);
	return RC_OK;
}

static enum rc check_integer(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	int64_t min = p->min ? strtoll(p->min, NULL, 10) : INT64_MIN,
		max = p->max ? strtoll(p->max, NULL, 10) : INT64_MAX, n;

	if (!str_int(value, min, max, &n))
		return out_of_bounds(p, err, a, "a whole number");
	*out = arena_printf(a, "%" PRId64, n);
	return RC_OK;
}

/* -12, 0.5, 1e3: the one form that forms, JSON and strtod share. */
static bool number_form(const char *s)
{
	size_t n;

	s += *s == '-';
	if (!(n = strspn(s, "0123456789")))
		return false;
	s += n;
	if (*s == '.') {
		if (!(n = strspn(++s, "0123456789")))
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!(n = strspn(s, "0123456789")))
			return false;
		s += n;
	}
	return !*s;
}

static enum rc check_number(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	double d = strlen(value) <= NUMBER_MAX && number_form(value) ? strtod(value, NULL) : NAN;

	if (!isfinite(d) || (p->min && d < strtod(p->min, NULL)) ||
	    (p->max && d > strtod(p->max, NULL)))
		return out_of_bounds(p, err, a, "a number");
	*out = arena_strdup(a, value);
	return RC_OK;
}

static enum rc check_choice(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	const char *all = "";

	for (const char **c = p->choices; *c; c++) {
		if (strcmp(*c, value) == 0) {
			*out = *c;
			return RC_OK;
		}
		all = arena_printf(a, "%s%s%s", all, *all ? ", " : "", *c);
	}
	return wrong(p, err,
	    strlen(all) < 120 ? arena_printf(a, "must be one of: %s", all)
			      : "must be one of its choices");
}

static enum rc check_boolean(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	bool yes;

	(void)a;
	if (!str_bool(value, &yes))
		return wrong(p, err, "must be yes or no");
	*out = yes ? "yes" : "no";
	return RC_OK;
}

static bool date_valid(const char *s)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;

	if (strlen(s) != 10)
		return false;
	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? s[i] != '-' : s[i] < '0' || s[i] > '9')
			return false;
	year = atoi(s);
	month = atoi(s + 5);
	day = atoi(s + 8);
	if (!year || month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] ||
	       (month == 2 && day == 29 && year % 4 == 0 && (year % 100 || year % 400 == 0));
}

static enum rc check_date(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err)
{
	if (!date_valid(value) || (p->min && strcmp(value, p->min) < 0) ||
	    (p->max && strcmp(value, p->max) > 0))
		return out_of_bounds(p, err, a, "a date such as 2026-11-24");
	*out = arena_strdup(a, value);
	return RC_OK;
}

typedef enum rc checker(
    const struct param *p, const char *value, struct arena *a, const char **out, struct err *err);

static checker *const checkers[PARAM_KIND_MAX] = {
    [PARAM_KIND_TEXT] = check_text,
    [PARAM_KIND_INTEGER] = check_integer,
    [PARAM_KIND_NUMBER] = check_number,
    [PARAM_KIND_CHOICE] = check_choice,
    [PARAM_KIND_BOOLEAN] = check_boolean,
    [PARAM_KIND_DATE] = check_date,
    [PARAM_KIND_SECRET] = check_text,
};

enum rc param_value(const struct param *p, const char *value, size_t len, struct arena *a,
    const char **canonical, struct err *err)
{
	if (!str_utf8(value, len))
		return wrong(p, err, "must be text in UTF-8 without NUL");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return wrong(p, err, "must be one line without control characters");
	if (!checkers[p->kind])
		return wrong(p, err, "must be a file");
	return checkers[p->kind](p, value, a, canonical, err);
}

/* ---- all of them ---- */

static enum rc check_file(const struct param *p, const struct param_given *g, struct arena *a,
    const char **out, struct err *err)
{
	char name[256];

	if (!g->is_file)
		return wrong(p, err, "must be a file");
	if (!str_clean_name(g->value, g->value_len, name))
		return wrong(p, err, "has no usable file name");
	*out = arena_strdup(a, name);
	return RC_OK;
}

static enum rc check_given(const struct param *p, const struct param_given *g, struct arena *a,
    const char **value, struct err *err)
{
	/* Forms send their empty fields too. */
	if (!g->value_len)
		return RC_OK;
	/* A checkbox comes with a hidden "no" in front, and the last one counts. */
	if (*value && p->kind != PARAM_KIND_BOOLEAN)
		return wrong(p, err, "was given more than once");
	if (p->kind == PARAM_KIND_FILE)
		return check_file(p, g, a, value, err);
	if (g->is_file)
		return wrong(p, err, "must not be a file");
	return param_value(p, g->value, g->value_len, a, value, err);
}

/* Nobody's name may be of any bytes. */
static enum rc unknown(
    const struct param_given *g, struct arena *a, const char **field, struct err *err)
{
	if (!g->name_len || g->name_len > 60 || !str_utf8(g->name, g->name_len)) {
		*field = "params";
		return err_set(err, RC_INVALID, "there is no such parameter");
	}
	*field = arena_printf(a, "params.%s", g->name);
	return err_set(err, RC_INVALID, "there is no parameter \"%s\" here", g->name);
}

enum rc param_check(const struct params *p, const struct param_given *given, size_t n,
    struct arena *a, const char ***values, const char **field, struct err *err)
{
	const char **out = *values = arena_zalloc(a, (p->n + 1) * sizeof *out);

	for (size_t i = 0; i < n; i++) {
		const struct param *one = param_find(p, given[i].name, given[i].name_len);
		enum rc rc;

		if (!one)
			return unknown(&given[i], a, field, err);
		rc = check_given(one, &given[i], a, &out[one - p->list], err);
		*field = arena_printf(a, "params.%s", one->name);
		if (rc != RC_OK)
			return rc;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (!out[i])
			out[i] = p->list[i].def;
		*field = arena_printf(a, "params.%s", p->list[i].name);
		if (!out[i] && p->list[i].required)
			return wrong(&p->list[i], err, "is required");
	}
	*field = NULL;
	return RC_OK;
}
