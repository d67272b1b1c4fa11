/*
 * Files on their way and the jobs they become, until the last has ended: a bar for each and one in
 * total on a terminal, lines elsewhere.
 */
#ifndef CLI_BOARD_H
#define CLI_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/view.h"

struct entry {
	const char *name;
	int64_t size, sent;     /* bytes of the upload; size 0: there is none to be shown */
	const char *refused;    /* why it becomes no job; NULL: it does */
	const char *uuid;       /* of the job; NULL: there is none yet */
	int64_t id;             /* likewise */
	const struct view *job; /* as it was seen last, NULL: not yet */
	struct arena arena;     /* where that lives, until the next look */
	bool gone;              /* the job was deleted */
	bool ended;             /* there is nothing more to wait for */
};

struct board {
	struct entry *list;
	size_t n, ended, bad; /* bad: of the ended those that did not complete */
	size_t cursor, due;   /* whose turn to be looked at is next, and of how many it still is */
	bool bars, drawn;     /* drawn: there are bars to draw over */
	bool news;            /* no bars, but lines now and then */
	int columns;
	int64_t drawn_at; /* boot ms */
};

/* n entries, zeroed, for the caller to fill in; `wait`: they will be waited for. Never closed. */
void board_open(struct board *b, size_t n, bool wait);

/* An entry became no job; why is copied. */
void board_refuse(struct board *b, struct entry *e, const char *why);

/* Draw the bars at most ten times a second; without them a line every two seconds. */
void board_draw(struct board *b);

/* Wait until every job has ended or is gone; says which failed and why. The exit code: 0 all
 * completed, 1 some did not, or that of the failure that keeps us from knowing. */
int board_wait(struct board *b);

#endif
