/*
 * What can be asked of a server beside its jobs (cli/source.h).
 */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/http.h"

/* "?project=…" or "&project=…" of --project; "". In the arena. */
const char *remote_project(struct arena *a, char mark);

/* GET; what came in *out. */
enum rc remote_get(const char *path, struct arena *a, const struct view **out, struct err *err);

/* POST a form, which may be empty: "a=b&c=d". */
enum rc remote_post(
    const char *path, const char *form, struct arena *a, const struct view **out, struct err *err);

/* The job types, as /admin shows them to admins. */
enum rc remote_types(const struct view **list, struct err *err);

#endif
