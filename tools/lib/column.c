/*
 * Gathering figures. Once cells of two kinds that no type holds together have been met, the column
 * is text and cells are no longer classified.
 */
#include "tools/lib/column.h"

#include <math.h>
#include <string.h>

#define BIT(type) (1u << (type))
#define NUMERIC (BIT(CELL_INTEGER) | BIT(CELL_NUMBER))
#define DATED (BIT(CELL_DATE) | BIT(CELL_DATETIME))
#define EXACT 0x1p53 /* above, different integers may be the same double */

static enum celltype type_of(unsigned seen)
{
	if (!seen)
		return CELL_EMPTY;
	if (!(seen & ~BIT(CELL_INTEGER)))
		return CELL_INTEGER;
	if (!(seen & ~NUMERIC))
		return CELL_NUMBER;
	if (!(seen & ~BIT(CELL_BOOLEAN)))
		return CELL_BOOLEAN;
	if (!(seen & ~BIT(CELL_DATE)))
		return CELL_DATE;
	if (!(seen & ~DATED))
		return CELL_DATETIME;
	return CELL_TEXT;
}

void column_init(struct column *c, const char *name, size_t len, struct values_pool *pool)
{
	*c = (struct column){ .values = values_new(pool) };
	buf_init(&c->name);
	buf_add(&c->name, name, len);
	buf_init(&c->text_min.text);
	buf_init(&c->text_max.text);
	buf_init(&c->number_min.text);
	buf_init(&c->number_max.text);
}

void column_release(struct column *c)
{
	buf_release(&c->name);
	buf_release(&c->text_min.text);
	buf_release(&c->text_max.text);
	buf_release(&c->number_min.text);
	buf_release(&c->number_max.text);
	values_free(c->values);
}

static uint64_t prefix_of(const char *s, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, s, len < sizeof word ? len : sizeof word);
	return __builtin_bswap64(word);
}

static void replace(struct extreme *e, const char *s, size_t len)
{
	buf_clear(&e->text);
	buf_add(&e->text, s, len);
	e->prefix = prefix_of(s, len);
	e->set = true;
}

/* Order of bytes; a text that another begins with comes first. */
static int order(const struct extreme *e, const char *s, size_t len, uint64_t prefix)
{
	size_t common = len < e->text.len ? len : e->text.len;
	int sign;

	if (prefix != e->prefix)
		return prefix < e->prefix ? -1 : 1;
	sign = memcmp(s, e->text.data, common);
	return sign ? sign : (len > e->text.len) - (len < e->text.len);
}

static void add_text(struct column *c, const char *s, size_t len)
{
	uint64_t prefix = prefix_of(s, len);

	if (!c->text_min.set || order(&c->text_min, s, len, prefix) < 0)
		replace(&c->text_min, s, len);
	if (!c->text_max.set || order(&c->text_max, s, len, prefix) > 0)
		replace(&c->text_max, s, len);
}

/* The digits of an integer without sign and leading zeros. */
static const char *digits_of(const char *s, size_t *len)
{
	while (*len > 1 && (*s == '-' || *s == '+' || *s == '0')) {
		s++;
		--*len;
	}
	return s;
}

/* Order of two integers of the same sign that are the same double, by their digits. */
static int order_digits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	a = digits_of(a, &a_len);
	b = digits_of(b, &b_len);
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

static int order_number(const struct extreme *e, const char *s, size_t len, double number,
    bool integers)
{
	int sign;

	if (number != e->number)
		return number < e->number ? -1 : 1;
	if (!integers || fabs(number) < EXACT)
		return 0;
	sign = order_digits(s, len, e->text.data, e->text.len);
	return number < 0 ? -sign : sign;
}

static void add_number(struct column *c, const char *s, size_t len, double number)
{
	bool integers = c->seen == BIT(CELL_INTEGER);
	double step = number - c->mean;

	if (!c->number_min.set || order_number(&c->number_min, s, len, number, integers) < 0) {
		replace(&c->number_min, s, len);
		c->number_min.number = number;
	}
	if (!c->number_max.set || order_number(&c->number_max, s, len, number, integers) > 0) {
		replace(&c->number_max, s, len);
		c->number_max.number = number;
	}
	c->mean += step / (double)c->cells;
	c->squares += step * (number - c->mean);
	histogram_add(&c->histogram, number);
}

static void classify(struct column *c, const char *cell, size_t len)
{
	double value = 0;
	enum celltype type = celltype_of(cell, len, &value);

	c->seen |= BIT(type);
	c->type = type_of(c->seen);
	if (c->type == CELL_INTEGER || c->type == CELL_NUMBER) {
		size_t sign = cell[0] == '-' || cell[0] == '+';

		c->leading_zeros |= len > sign + 1 && cell[sign] == '0' && type == CELL_INTEGER;
		add_number(c, cell, len, value);
	} else if (c->type == CELL_DATE || c->type == CELL_DATETIME) {
		histogram_add(&c->histogram, value);
	}
}

static uint64_t characters(const char *s, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

void column_add(struct column *c, const char *cell, size_t len)
{
	if (!len) {
		c->nulls++;
		return;
	}
	c->cells++;
	if (c->type != CELL_TEXT)
		classify(c, cell, len);
	add_text(c, cell, len);
	values_add(c->values, cell, len);
	if (len > c->longest) {
		uint64_t n = characters(cell, len);

		c->longest = n > c->longest ? n : c->longest;
	}
}

void column_add_missing(struct column *c)
{
	c->nulls++;
}

enum rc column_end(struct column *c, struct err *err)
{
	return values_distinct(c->values, &c->distinct, err);
}

bool column_is_numeric(const struct column *c)
{
	return c->type == CELL_INTEGER || c->type == CELL_NUMBER;
}

bool column_is_dated(const struct column *c)
{
	return c->type == CELL_DATE || c->type == CELL_DATETIME;
}

double column_deviation(const struct column *c)
{
	return c->cells ? sqrt(c->squares / (double)c->cells) : 0;
}
