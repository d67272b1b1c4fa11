/*
 * The job list as a page asks for it: filter, canonical query, tag, and the view of its rows.
 */
#ifndef FCGI_LIST_H
#define FCGI_LIST_H

#include "fcgi/app.h"

#define TAG_SIZE 96

struct list {
	struct job_filter filter;
	int64_t version; /* change counter of the project when it was read */
	const char
	    *query; /* "status=failed&after=7": canonical, only what differs from the default */
	const char *name;   /* of the view: project, role and query; key of the fragment cache */
	char tag[TAG_SIZE]; /* templates, version and name: equal tags are equal fragments */
	bool busy;          /* filled by list_view: a row is not finished yet */
};

/* From the typed inputs of the list routes, with the project's version: one query. */
enum rc list_open(
    struct app *app, struct request *r, struct list *l, struct response *resp, struct err *err);
/* The first page without a filter, for routes without those inputs. */
enum rc list_first(struct app *app, const struct request *r, struct list *l, struct err *err);

/* The view of docs/VIEWS.md; `page` adds the members that only pages need. */
enum rc list_view(struct app *app, const struct request *r, struct list *l, bool page,
    struct view **out, struct err *err);

/* Tag of anything that changes with the project: page of a job, list, … */
void tag_make(const struct app *app, const struct request *r, int64_t version, const char *name,
    char out[static TAG_SIZE]);

/* Give the response this tag, and whether the client has that already: then it is a finished 304.
 */
bool tag_unchanged(const struct request *r, struct response *resp, const char *tag);

/* The list of the project that the request is about: "/", "/?project=7". */
const char *list_path(const struct request *r);

/* "Pending", … */
const char *status_label(enum job_status s);

/* Members of a job that only pages need. */
/* `waits_for`, which every answer has: what keeps a pending job from its turn, or null. */
void job_view_hold(struct view *v, const struct job *job, const struct jobtypes *types);
void job_view_page(
    const struct request *r, struct view *v, const struct job *job, const struct jobtypes *types);

/* Members of files that only pages need. */
void file_view_texts(struct arena *a, const struct view *files);

/* Answer with the row of a job; the whole job with files and history. page_job.c */
enum rc job_row_html(struct app *app, struct request *r, struct response *resp,
    const struct job *job, struct err *err);
enum rc job_full_view(
    struct app *app, struct request *r, const struct job *job, struct view **out, struct err *err);

/* The history as every answer shows it. page_job.c */
struct view *job_history_view(struct arena *a, const struct job_event *events, size_t n);

/* What follows an action: the way back, the row, or the job. page_action.c */
enum rc job_answer(
    struct app *app, struct request *r, struct response *resp, const char *key, struct err *err);

/* Members of a whole page; refresh: seconds, 0 for none. */
void page_view(
    struct app *app, const struct request *r, struct view *v, const char *title, int refresh);

#endif
