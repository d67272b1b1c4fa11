/*
 * What `dropmill submit` was told, and the two ways to do it.
 */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H

#include "cli/board.h"
#include "cli/params.h"

struct submission {
	char *const *paths;
	int *fds; /* of each path, open for reading */
	int64_t *sizes;
	size_t n;
	const char *type;
	int64_t priority, run_at;
	struct cli_params given;
	bool wait, together;
};

/* The last part of a path. */
const char *submit_name(const char *path);

/* Make the jobs, and open the board with what became of each file. The exit code: 0, or of the
 * failure, which has been said; then the board is not to be waited for, but has what was made. */
int submit_local(struct submission *s, struct board *b);
int submit_remote(struct submission *s, struct board *b);

#endif
