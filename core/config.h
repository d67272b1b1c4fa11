/*
 * The configuration: one table declares every key with type, default, bounds and a line of doc.
 *
 * Read from one INI file, then overridden by the environment (`auth` by DROPMILL_AUTH and so on).
 * An unknown key or a bad value is an error that names file and line (or the variable) and says
 * what is allowed. Relative paths in the file are relative to the file's directory, those in the
 * environment to the working directory.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/rc.h"

enum auth_mode { AUTH_PASSWORD, AUTH_PROXY, AUTH_NONE, AUTH_MODE_MAX };
enum sandbox_mode { SANDBOX_REQUIRE, SANDBOX_AUTO, SANDBOX_OFF, SANDBOX_MODE_MAX };

/* Filled by config_load; texts belong to the arena given there. Durations in ms, sizes in bytes. */
struct config {
	const char *file; /* the file it was read from; NULL: defaults and environment only */
	enum auth_mode auth;
	enum sandbox_mode sandbox;
	int64_t workers;        /* jobs at once on this host; 0 in the file: one per core */
	int64_t web_processes;  /* 0 in the file: 2 per core, at least 4 */
	int64_t fragment_cache; /* renderings kept by each web process */
	const char *run_user;   /* who runs commands when the processor was started as root */
	const char *database;   /* path of the SQLite file */
	const char *secret_key;
	const char *store, *spool, *work,
	    *log_dir;         /* directories; work holds one directory per running attempt */
	const char *run_dir;  /* sockets: web.sock, bell/ */
	const char *jobs_dir; /* directories separated by ':'; later ones win */
	const char *datasets_dir;
	const char *tools_dir, *scripts_dir, *templates_dir, *public_dir;
	const char *base_url; /* as browsers see it; "" : taken from the request's Host */
	const char *hosts; /* allowed Host values, blank separated, without port; "*" allows any */
	const char *metrics_allow;
	const char *proxies; /* addresses or networks of proxies in front of us, blank separated */
	const char *proxy_header; /* where auth = proxy finds the user's name */
	int64_t stop_grace_ms, backoff_ms, sweep_age_ms, archive_keep_ms;
	int64_t lease_ms, heartbeat_ms, request_timeout_ms;
	int64_t session_idle_ms, session_max_ms;
	int64_t disk_low_bytes, upload_max_bytes, log_max_bytes;
};

#define CONFIG_FILE "/etc/dropmill/dropmill.conf"

/* Read `path`, or $DROPMILL_CONFIG if path is NULL, or CONFIG_FILE if that is unset, or defaults if
 * there is no such file. Texts live in the arena. RC_INVALID with "file:line: …" or "DROPMILL_X: …"
 * in err; RC_SYS or RC_NOTFOUND if unreadable. */
enum rc config_load(struct config *cfg, const char *path, struct arena *a, struct err *err);

/* Append every effective setting as `key = value` lines that config_load reads back. */
void config_print(const struct config *cfg, struct buf *out);

/* Append the effective value of one key; false: no such key. */
bool config_get(const struct config *cfg, const char *key, struct buf *out);

/* Names of the keys, in the order of the sample; NULL behind the last. */
const char *config_key(size_t i);

/* One value to be written into a sample. */
struct config_set {
	const char *key, *value;
};

/* Append the commented sample file, made from the table: every key with its doc and default. Keys
 * in `set` stand there with that value in force, the others as comments. RC_INVALID for an unknown
 * key or a bad value. */
enum rc config_sample(const struct config_set *set, size_t n, struct buf *out, struct err *err);

#endif
