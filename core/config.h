/*
 * The configuration: one table declares every key with type, default, bounds and a line of doc.
 *
 * Read from one INI file, then overridden by the environment (`auth` by DROPMILL_AUTH and so on).
 * An unknown key or a bad value is an error that names file and line (or the variable). Relative
 * paths in the file are relative to the file's directory.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/rc.h"

enum auth_mode { AUTH_NONE, AUTH_MODE_MAX };
enum sandbox_mode { SANDBOX_REQUIRE, SANDBOX_AUTO, SANDBOX_OFF, SANDBOX_MODE_MAX };

/* Filled by config_load; texts belong to the arena given there. Durations in ms, sizes in bytes. */
struct config {
	const char *file; /* the file it was read from; NULL: defaults and environment only */
	enum auth_mode auth;
	enum sandbox_mode sandbox;
	int64_t workers;       /* jobs at once on this host; 0 in the file: one per core */
	int64_t web_processes; /* 0 in the file: 2 per core, at least 4 */
	const char *run_user;  /* who runs commands when the processor was started as root */
	const char *database;  /* path of the SQLite file */
	const char *store, *spool, *work, *log_dir; /* directories; work holds one directory per running attempt */
	const char *run_dir;   /* sockets: web.sock, bell/ */
	const char *jobs_dir;  /* directories separated by ':'; later ones win */
	const char *tools_dir, *scripts_dir, *templates_dir, *public_dir;
	const char *base_url;  /* as browsers see it; "" : taken from the request's Host */
	const char *hosts;     /* allowed Host values, blank separated, without port; "*" allows any */
	const char *metrics_allow;
	int64_t stop_grace_ms, backoff_ms, sweep_age_ms;
	int64_t lease_ms, heartbeat_ms, request_timeout_ms;
	int64_t disk_low_bytes, upload_max_bytes, log_max_bytes;
};

/* Read `path`, or $DROPMILL_CONFIG if path is NULL, or defaults if that is unset too. Texts live in
 * the arena. RC_INVALID with "file:line: …" or "DROPMILL_X: …" in err; RC_SYS if unreadable. */
enum rc config_load(struct config *cfg, const char *path, struct arena *a, struct err *err);

/* Append every effective setting as `key = value` lines that config_load reads back. */
void config_print(const struct config *cfg, struct buf *out);

/* Append the commented sample file, made from the table. */
void config_sample(struct buf *out);

#endif
