/*
 * Results that a program elsewhere sends with the end of a job: files of a multipart body become
 * outputs in the store.
 */
#ifndef FCGI_OUTPUTS_H
#define FCGI_OUTPUTS_H

#include "core/job.h"
#include "fcgi/upload.h"

struct outputs {
	struct upload up;
	struct file *files; /* in the store, not in the database yet */
	size_t n;
};

/* Take the body apart, fields into the request's inputs; a JSON body has no files. Pair with
 * outputs_close, also after a failure. */
enum rc outputs_take(
    struct app *app, struct request *r, struct outputs *o, struct response *resp, struct err *err);
/* Store them, durable, within what the job's type allows (413), each under a name of its own (422).
 */
enum rc outputs_store(struct app *app, struct request *r, struct outputs *o, const struct job *job,
    struct response *resp, struct err *err);
/* `abandon`: nothing was committed, so the files go again. */
void outputs_close(struct app *app, struct outputs *o, bool abandon);

#endif
