/*
 * The doctor looks at who may come in: whether somebody can, and whether somebody can who should
 * not.
 */
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "core/user.h"

/* Whether a name or address, with or without a port, is this machine's own. */
static bool is_local(const char *host, size_t len)
{
	static const char *const own[] = {"localhost", "127.", "[::1]", "::1"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		size_t n = strlen(own[i]);

		if (len >= n && strncasecmp(host, own[i], n) == 0 &&
		    (len == n || host[n] == ':' || own[i][n - 1] == '.'))
			return true;
	}
	return false;
}

/* The first of names parted by blanks that is not this machine's own; NULL: all are. */
static const char *foreign(const char *names)
{
	while (*names) {
		size_t len = strcspn(names, " \t");

		if (len && !is_local(names, len))
			return arena_strndup(&cli.arena, names, len);
		names += len;
		names += strspn(names, " \t");
	}
	return NULL;
}

/* ---- auth = none ---- */

static void check_none(void)
{
	const char *listen = doctor_listen();

	if (listen && !is_local(listen, strlen(listen)))
		doctor_note(DOCTOR_WARN, "auth",
		    "set auth = password, unless the network is closed; or listen on 127.0.0.1",
		    "auth = none, and nginx listens at %s: whoever reaches that may do all",
		    listen);
	else
		doctor_note(
		    DOCTOR_OK, "auth", NULL, "none: whoever reaches the address may do all");
}

/* ---- auth = proxy ---- */

/* A network that is every address; NULL: none is. */
static const char *everywhere(const char *nets)
{
	while (*nets) {
		size_t len = strcspn(nets, " \t");

		if (len > 2 && strncmp(nets + len - 2, "/0", 2) == 0)
			return arena_strndup(&cli.arena, nets, len);
		nets += len;
		nets += strspn(nets, " \t");
	}
	return NULL;
}

static void check_proxies(void)
{
	const struct config *cfg = cli_config();
	const char *all = everywhere(cfg->proxies);

	if (!*cfg->proxies)
		doctor_note(DOCTOR_FAIL, "auth",
		    "set proxies to the addresses of those that sign people in",
		    "auth = proxy, but no proxies are believed: nobody can come in");
	else if (all)
		doctor_note(DOCTOR_FAIL, "auth", "name the addresses of the proxies alone",
		    "auth = proxy, and %s in proxies lets everybody say who they are", all);
	else
		doctor_note(DOCTOR_OK, "auth", NULL, "proxy: users are named in %s by %s",
		    cfg->proxy_header, cfg->proxies);
}

/* ---- auth = password ---- */

/* Cookies are for TLS alone where the site is known to be reached by it, and only there. */
static void check_cookies(void)
{
	const struct config *cfg = cli_config();
	const char *base = cfg->base_url, *name;

	if (strncasecmp(base, "https:", 6) == 0) {
		doctor_note(DOCTOR_OK, "auth", NULL, "password, by TLS at %s", base);
		return;
	}
	name = *base && strstr(base, "://") ? foreign(strstr(base, "://") + 3) : NULL;
	if (!name)
		name = foreign(cfg->hosts);
	if (!name)
		doctor_note(DOCTOR_OK, "auth", NULL, "password, on this machine alone");
	else if (*base)
		doctor_note(DOCTOR_WARN, "auth",
		    "put a server with TLS in front, and set base_url = https://...",
		    "base_url is %s: passwords and cookies go over the network as plain text",
		    base);
	else
		doctor_note(DOCTOR_WARN, "auth",
		    "set base_url = https://..., so that cookies are for TLS alone",
		    "hosts has %s, and base_url does not say that browsers come by TLS: cookies "
		    "go without Secure",
		    name);
}

/* ---- operators ---- */

/* The first operator who is not disabled. */
static const struct user *first_operator(const struct user *users, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (users[i].role == ROLE_OPERATOR && !users[i].disabled)
			return &users[i];
	return NULL;
}

static void check_operators(struct db *db)
{
	const struct user *op;
	struct user *users;
	struct err err;
	size_t n;
	bool seen;

	if (user_list(db, 0, &cli.arena, &users, &n, &err) != RC_OK ||
	    user_operator_seen(db, &seen, &err) != RC_OK) {
		doctor_note(DOCTOR_FAIL, "users", NULL, "%s", err.text);
		return;
	}
	op = first_operator(users, n);
	if (!op)
		doctor_note(DOCTOR_FAIL, "users", "dropmill user create NAME --role operator",
		    "there is no operator who may come in");
	else if (!seen && cli_config()->auth == AUTH_PASSWORD)
		doctor_note(DOCTOR_WARN, "users",
		    arena_printf(&cli.arena, "dropmill user link %s", op->name),
		    "no operator has signed in yet");
	else
		doctor_note(DOCTOR_OK, "users", NULL, "%zu, with an operator", n);
}

void doctor_identity(struct db *db)
{
	enum auth_mode auth = cli_config()->auth;

	if (auth == AUTH_NONE) {
		check_none();
		return;
	}
	if (auth == AUTH_PROXY)
		check_proxies();
	else
		check_cookies();
	if (db)
		check_operators(db);
}
