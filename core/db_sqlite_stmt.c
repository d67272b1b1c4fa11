/*
 * The SQLite engine's statements: preparing, binding, stepping, reading columns.
 */
#include "core/db_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameters are $1 … $n and nothing else. To SQLite these are names, numbered as they appear, and
 * `$1::bigint` is another name. As many different ones as there are parameters, all of $1 … $n
 * found: then there is no other. */
enum rc sq_prepare(void *conn, const char *text, void **out, struct err *err)
{
	struct sqlite_conn *c = conn;
	struct sqlite_stmt *st;
	sqlite3_stmt *s;
	const char *rest;
	char name[16];
	int n, code = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s, &rest);

	if (code != SQLITE_OK)
		return sqlite_error(c, code, "", err);
	if (!s || rest[strspn(rest, " \t\n;")]) {
		sqlite3_finalize(s);
		return err_set(err, RC_DB, "not one statement");
	}
	n = sqlite3_bind_parameter_count(s);
	st = malloc(sizeof *st + (size_t)n * sizeof *st->index);
	if (!st)
		bug("out of memory");
	*st = (struct sqlite_stmt){.s = s, .conn = c, .n = n};
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "$%d", i + 1);
		st->index[i] = sqlite3_bind_parameter_index(s, name);
		if (st->index[i] == 0) {
			sqlite3_finalize(s);
			free(st);
			return err_set(
			    err, RC_DB, "parameters are not $1 to $%d: %s is missing", n, name);
		}
	}
	*out = st;
	return RC_OK;
}

void sq_finalize(void *stmt)
{
	struct sqlite_stmt *st = stmt;

	sqlite3_finalize(st->s);
	free(st);
}

bool sq_writes(void *stmt)
{
	return !sqlite3_stmt_readonly(((struct sqlite_stmt *)stmt)->s);
}

size_t sq_parameters(void *stmt)
{
	return (size_t)((struct sqlite_stmt *)stmt)->n;
}

enum rc sq_bind(void *stmt, size_t number, const struct db_arg *arg, struct err *err)
{
	struct sqlite_stmt *st = stmt;
	int index = st->index[number - 1], code = SQLITE_MISUSE;

	switch (arg->type) {
	case DB_ARG_NULL:
		code = sqlite3_bind_null(st->s, index);
		break;
	case DB_ARG_INT:
		code = sqlite3_bind_int64(st->s, index, arg->i);
		break;
	case DB_ARG_TEXT:
		code =
		    sqlite3_bind_text64(st->s, index, arg->s, arg->len, SQLITE_STATIC, SQLITE_UTF8);
		break;
	}
	return code == SQLITE_OK ? RC_OK : sqlite_error(st->conn, code, "cannot bind", err);
}

enum rc sq_step(void *stmt, struct err *err)
{
	struct sqlite_stmt *st = stmt;
	int code = sqlite3_step(st->s);

	if (code == SQLITE_ROW)
		return RC_OK;
	return code == SQLITE_DONE ? RC_DONE : sqlite_error(st->conn, code, "", err);
}

/* Bindings go too: the texts belong to a caller who is leaving. */
void sq_reset(void *stmt)
{
	struct sqlite_stmt *st = stmt;

	sqlite3_reset(st->s);
	sqlite3_clear_bindings(st->s);
}

int64_t sq_changes(void *conn)
{
	return sqlite3_changes64(((struct sqlite_conn *)conn)->db);
}

int64_t sq_column_int(void *stmt, int column)
{
	return sqlite3_column_int64(((struct sqlite_stmt *)stmt)->s, column);
}

const char *sq_column_text(void *stmt, int column, size_t *len)
{
	sqlite3_stmt *s = ((struct sqlite_stmt *)stmt)->s;
	const char *text = (const char *)sqlite3_column_text(s, column);

	*len = text ? (size_t)sqlite3_column_bytes(s, column) : 0;
	return text;
}

bool sq_column_null(void *stmt, int column)
{
	return sqlite3_column_type(((struct sqlite_stmt *)stmt)->s, column) == SQLITE_NULL;
}
