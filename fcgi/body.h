/*
 * Bodies: a small form read into memory, or an upload that lies in a file.
 */
#ifndef FCGI_BODY_H
#define FCGI_BODY_H

#include "fcgi/app.h"

#define BODY_FORM_MAX 65536
#define BODY_JSON_MAX 65536

/* Read an urlencoded body into r->form. 413, 415, 400. */
enum rc body_form(struct request *r, struct response *resp, struct err *err);

/* Read a JSON object into r->json. 413, 415, 400. */
enum rc body_json(struct app *app, struct request *r, struct response *resp, struct err *err);

/* nginx's part when there is no nginx: write the body to a new file in the spool, so that the
 * handler finds REQUEST_BODY_FILE. body_unspool removes it after the response. */
enum rc body_spool(struct app *app, struct request *r, struct response *resp, struct err *err);
void body_unspool(const struct request *r);

/* Open the upload: a regular file in the spool, with the length that was announced and no other
 * name. 400 when it is missing or cut off. */
enum rc body_open(struct app *app, const struct request *r, int *fd, int64_t *size,
    struct response *resp, struct err *err);

#endif
