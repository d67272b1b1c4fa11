/*
 * Result codes: names, error texts, and the two ways a process may end itself.
 */
#include "core/rc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"

static const char *const names[RC_MAX] = {
	[RC_OK] = "ok",
	[RC_DONE] = "done",
	[RC_NOTFOUND] = "notfound",
	[RC_INVALID] = "invalid",
	[RC_CONFLICT] = "conflict",
	[RC_BUSY] = "busy",
	[RC_LIMIT] = "limit",
	[RC_DENIED] = "denied",
	[RC_SYS] = "sys",
	[RC_DB] = "db",
};

const char *rc_name(enum rc rc)
{
	return (unsigned)rc < RC_MAX ? names[rc] : "unknown";
}

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	err->rc = rc;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	str_mend(err->text);
	return rc;
}

enum rc err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	enum rc rc = saved == ENOSPC || saved == EDQUOT || saved == EFBIG ? RC_LIMIT : RC_SYS;
	char text[sizeof err->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(err, rc, "%.180s: %s", text, strerror(saved));
	errno = saved;
	return rc;
}

void die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	exit(code);
}

void bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	abort();
}
