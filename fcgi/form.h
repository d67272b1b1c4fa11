/*
 * Forms of the pages by which accounts and the site are managed: what was wrong with one, and what
 * has been done by one.
 *
 * Whoever posts a form in a browser is led back to its page by a 303; `done` in the address names
 * what was done, of a fixed list of words, each with its sentence. What is refused comes back as
 * the page itself with 422, filled in, the sentence beside its field. Programs get 204 or the
 * problem.
 */
#ifndef FCGI_FORM_H
#define FCGI_FORM_H

#include "fcgi/request.h"
#include "fcgi/response.h"

/* Zeroed: nothing was wrong. */
struct fault {
	const char *field; /* static; name of an input */
	const char *sentence;
	int status;
	int64_t wait_s; /* Retry-After; 0: none */
};

/* Whether the failure *rc is one that the sender can mend in the form, which is then in *out. False
 * for programs, and *rc and resp are the failure that names the field; false too for no failure,
 * and for those that are not about what was sent. */
bool fault_take(const struct request *r, struct response *resp, const char *field, enum rc *rc,
    struct err *err, struct fault *out);

/* `errors` (sentences by field) and `sent` (what else was filled in, passwords never) into a page,
 * and the status into its response. f may be NULL. */
void fault_put(
    const struct request *r, struct response *resp, struct view *page, const struct fault *f);

/* Words of the input `done`; ends with NULL. */
extern const char *const done_words[];
#define DONE_INPUT                                                                          \
	{                                                                                   \
		"done", INPUT_WORD, .words = done_words, .doc = "what a form has just done" \
	}

/* `done`, the sentence, into a page of a route that has DONE_INPUT. */
void done_put(const struct request *r, struct view *page);
/* It was done: back to a path (without a query) that says so, or 204 for programs. */
void done_answer(
    const struct request *r, struct response *resp, const char *path, const char *word);

/* A checkbox of the posted form: whether it came with any value but "no". */
bool form_checked(const struct request *r, const char *name);

#endif
