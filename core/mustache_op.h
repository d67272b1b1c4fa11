/*
 * What a template is compiled to, shared by the files of the engine: mustache_lex.c cuts the text
 * into tokens and settles white space, mustache_parse.c makes operations of them, mustache_render.c
 * runs them, mustache_set.c keeps the templates. Nobody else includes this.
 */
#ifndef CORE_MUSTACHE_OP_H
#define CORE_MUSTACHE_OP_H

#include "core/arena.h"
#include "core/mustache.h"
#include "core/view_node.h"

/* ---- tokens -------------------------------------------------------------------------------- */

/* A tag has its sigil as type; these are the others. */
#define TOKEN_INDENT 'I'  /* begins every line: its leading blanks, perhaps none */
#define TOKEN_TEXT 'T'    /* within a line */
#define TOKEN_NEWLINE 'N' /* "\n" or "\r\n" */
#define TOKEN_NAME 'v'
#define TOKEN_RAW '&'

enum token_flag {
	TOKEN_BLANK = 1,   /* text: spaces and tabs only */
	TOKEN_SKIP = 2,    /* not printed: white space around a tag that stands alone */
	TOKEN_DEAD = 4,    /* directly inside a parent tag, where only block tags mean anything */
	TOKEN_DYNAMIC = 8, /* partial, parent: the name is of a value that holds the name */
	TOKEN_ARG = 16,    /* block: directly inside a parent tag, so an argument, no position */
	TOKEN_ALONE = 32,  /* partial, parent, block: stands alone; what it brings in is indented */
	TOKEN_BELOW = 64,  /* block: its content begins on the next line */
};

struct token {
	char type;
	uint8_t flags;
	uint32_t len;
	const char *s; /* text, or a tag's name */
	uint32_t line, column;
	uint32_t match;  /* opening tag: its closing tag, and the other way round */
	uint32_t indent; /* TOKEN_ALONE: the token that holds its indentation */
	uint32_t dedent; /* TOKEN_BELOW: leading blanks all lines of its content have in common */
	const char *prefix; /* those blanks; NULL: there is no such line */
};

struct token_list {
	struct token *at;
	uint32_t len, cap;
};

/* Cut `text` up, match the tags, and mark white space. `file` is for the error. Release the list in
 * any case. */
enum rc mustache_lex(
    const char *file, const char *text, size_t len, struct token_list *out, struct err *err);

/* ---- operations ---------------------------------------------------------------------------- */

enum op_kind {
	OP_END,
	OP_VAR,
	OP_RAW,
	OP_SECTION,
	OP_INVERTED,
	OP_PARTIAL,
	OP_PARENT,
	OP_BLOCK,
	OP_ARG
};

enum op_flag {
	OP_BOL = 1,   /* the text begins a line, also when it is empty */
	OP_EOL = 2,   /* the text ends with a newline, and a line begins after it */
	OP_ALONE = 4, /* as TOKEN_ALONE and TOKEN_BELOW */
	OP_BELOW = 8,
};

/* A part of a dotted name. */
struct op_name {
	struct view_key key;
	uint32_t index; /* the part as a number, to index a list; UINT32_MAX if it is none */
};

/* Prints its text, then does its own work. The body of section, parent, block and argument follows
 * it and ends `skip` operations further on with an OP_END. */
struct op {
	uint8_t kind, flags;
	uint16_t parts; /* of the name; 0 is the current value itself */
	uint32_t skip;
	const char *text; /* readable 64 bytes beyond its end */
	uint32_t text_len, indent_len;
	struct op_name *name;
	const char *indent;
	struct mustache *target; /* partial, parent: NULL if dynamic */
	uint32_t line, column;
};

struct mustache {
	const char *name, *file;
	uint64_t tag;
	uint32_t name_len;
	struct mustache_set *set;
	struct op *ops; /* NULL: named by others, not defined */
	size_t count;
	bool sought; /* looked for among the partials */
};

/* "file:line:column: " before the message; returns rc. */
enum rc mustache_fail(struct err *err, enum rc rc, const char *file, uint32_t line, uint32_t column,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Compile into tmpl, in the arena. text must live as long. */
enum rc mustache_parse(
    struct mustache *tmpl, struct arena *a, const char *text, size_t len, struct err *err);

/* The template of that name, made undefined if there is none: what a static name is bound to. */
struct mustache *mustache_intern(struct mustache_set *set, const char *name, size_t len);

/* The same for a name that comes with the data: NULL if there is none; partials are looked for. */
enum rc mustache_seek(struct mustache_set *set, const char *name, size_t len,
    const struct mustache **out, struct err *err);

uint64_t mustache_budget(const struct mustache_set *set);

#endif
