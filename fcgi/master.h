/*
 * The master: makes the listening socket and keeps the pool of processes at work. It opens no
 * database.
 */
#ifndef FCGI_MASTER_H
#define FCGI_MASTER_H

#include <stdbool.h>

#include "core/config.h"
#include "fcgi/templates.h"

/* Everything that is read again on SIGHUP. */
struct settings {
	struct arena arena;
	struct config cfg;
	struct templates *templates;
};

/* Read configuration and templates. RC_INVALID, RC_NOTFOUND or RC_SYS with the reason. */
enum rc settings_load(struct settings *s, const char *file, struct err *err);
void settings_release(struct settings *s);

/* Whether descriptor 0 is a listening socket (socket activation). */
bool master_inherited_socket(void);

/* Run until SIGTERM or SIGINT. `s` becomes the master's. Returns the exit code. */
int master_run(struct settings *s, const char *file);

#endif
