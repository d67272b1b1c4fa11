/*
 * Log lines on stderr, one write(2) a line, for journald or a file to take.
 *
 * A line reads `name[pid]: level: message req=…`: lower case, failure first, key=value. Control
 * characters in a message are replaced, so nobody can forge a line.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdarg.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Name of the program in every line; borrowed, must stay valid. DROPMILL_DEBUG=1 shows debug:
 * every statement by its name among others. */
void log_init(const char *program);

/* Text appended to every following line, such as "req=4f…" or "job=12"; "" or NULL for none.
 * Copied. */
void log_context(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_context_clear(void);

void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_vwrite(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#endif
