/*
 * What pages and JSON answers show of a job's logs: its attempts, and parts of a log as text with
 * colours.
 */
#ifndef FCGI_LOGVIEW_H
#define FCGI_LOGVIEW_H

#include "core/job_attempt.h"
#include "core/logfile.h"
#include "fcgi/ansi.h"
#include "fcgi/app.h"

/* Bytes of a log that one view shows. */
#define LOGVIEW_BYTES 65536

/* The log of one attempt, as it is read. */
struct log_source {
	const struct job *job;
	int64_t attempt; /* 0: the job has had none */
	int fd;          /* -1: it has not said anything yet, or nothing of it is kept */
	bool live;       /* it may still be written */
	int64_t total;   /* bytes it has written; as of log_source_open */
};

/* Whose log; attempt 0 is the last. RC_NOTFOUND: there is no such attempt, or its log is not kept
 * any more. Pair with log_source_close. */
enum rc log_source_open(struct app *app, const struct job *job, int64_t attempt,
    struct log_source *out, struct err *err);
void log_source_close(struct log_source *s);

/* The last attempts at a job, newest first, with what is kept of their logs. */
struct view *job_attempts_view(struct app *app, struct arena *a, const struct job *job,
    const struct job_event *events, size_t n);

/* Which part of a log: from byte `from` on, which is in this style; from < 0: the last
 * LOGVIEW_BYTES. With `aligned` what stands before the first line end is skipped, unless the log
 * begins there. log_part_view fills in the rest. */
struct log_part {
	int64_t from;
	bool aligned;
	struct ansi_style style;
	int64_t next; /* where the next part begins */
	bool last;    /* it reaches to the end of what there is */
};

/* Fill v with the members of `log` in docs/VIEWS.md that tell of a part. */
enum rc log_part_view(struct arena *a, const struct log_source *s, struct log_part *p,
    struct view *v, struct err *err);

/* The last few lines of a job's last log, as one list of runs; NULL when there are none. */
struct view *log_last_lines(struct arena *a, const struct log_source *s, int lines);

#endif
