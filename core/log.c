/*
 * Log lines on stderr. A line is built in a local buffer and leaves in one write, so lines of many
 * processes do not mix; errno is preserved, so a caller may log before it looks at errno.
 */
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *program = "dropmill";
static char context[128];
static enum log_level lowest = LOG_LEVEL_INFO;

void log_init(const char *name)
{
	const char *debug = getenv("DROPMILL_DEBUG");

	program = name;
	lowest = debug && *debug && strcmp(debug, "0") != 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

void log_context(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
}

void log_context_clear(void)
{
	context[0] = '\0';
}

void log_vwrite(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const words[] = { "debug", "info", "warning", "error" };
	int saved = errno;
	char line[1200];
	size_t room = sizeof line - sizeof context - 4, head, len;
	int n;

	if (level < lowest)
		return;
	n = snprintf(line, room, "%s[%d]: %s: ", program, (int)getpid(), words[level]);
	head = n < 0 ? 0 : (size_t)n;
	errno = saved;
	n = vsnprintf(line + head, room - head, fmt, ap);
	len = n < 0 ? head : head + (size_t)n;
	if (len >= room)
		len = room - 1;
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	if (context[0])
		len += (size_t)snprintf(line + len, sizeof line - len, " %s", context);
	line[len++] = '\n';
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
	errno = saved;
}

#define LEVEL(fn, level)                \
	void fn(const char *fmt, ...)       \
	{                                   \
		va_list ap;                     \
		va_start(ap, fmt);              \
		log_vwrite(level, fmt, ap);     \
		va_end(ap);                     \
	}

LEVEL(log_debug, LOG_LEVEL_DEBUG)
LEVEL(log_info, LOG_LEVEL_INFO)
LEVEL(log_warn, LOG_LEVEL_WARN)
LEVEL(log_error, LOG_LEVEL_ERROR)
