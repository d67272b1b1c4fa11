/*
 * The files of one upload, whichever way they came: parts of a multipart body, or one raw body.
 */
#ifndef FCGI_UPLOAD_H
#define FCGI_UPLOAD_H

#include "fcgi/app.h"
#include "fcgi/multipart.h"

struct upload_file {
	const char *name; /* as it was sent */
	size_t name_len;
	int64_t offset, size; /* in the body */
};

struct upload {
	int fd; /* of the body */
	int64_t size;
	bool raw; /* the body is the file */
	struct multipart mp;
	struct upload_file *files;
	size_t n, room;
	/* Fields params.NAME, names without the prefix; of those that are files given_files says
	 * where they lie. Wiped by upload_close: they may be secrets. */
	struct param_given *given;
	struct upload_file *given_files;
	size_t given_count;
	const char *job_type; /* that a refused file would have had; NULL: not known */
};

/* Take the body apart: files into `up`, fields into the request's typed inputs. Fails with 400,
 * 413, 415, 422. Pair with upload_close, also after a failure. */
enum rc upload_open(
    struct app *app, struct request *r, struct upload *up, struct response *resp, struct err *err);
void upload_close(struct upload *up);

/* The parameters of a request in JSON, whose member `params` holds them; there is no file. */
enum rc upload_params(struct request *r, struct upload *up, struct response *resp, struct err *err);

/* A descriptor of one file alone, which the caller closes: the body's own, or a copy in the store's
 * filesystem. */
enum rc upload_file_fd(
    struct app *app, struct upload *up, const struct upload_file *f, int *fd, struct err *err);

/* Hex SHA-256 of the request as far as it decides what is made: method, path, options, parameters,
 * and of each file name, size and content (all of it up to 1 MiB, else both ends). */
enum rc upload_hash(const struct app *app, const struct request *r, const struct upload *up,
    char out[static 65], struct err *err);

#endif
