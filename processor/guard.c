/*
 * The guard of the sandbox: whether it holds here, and what follows from that.
 *
 * Under sandbox = require nothing is claimed while it does not hold; it is tried again now and
 * then, since what is missing may come back. Under auto jobs run without it from the start on.
 * Either way operators are told on every page, and by the doctor: the log is read too late.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/supervisor.h"

#define RETEST_MS 10000

/* For every page that operators look at, as long as this processor lives or until it is taken back
 * ("%s" as the format of nothing). */
static __attribute__((format(printf, 2, 3))) void warn_operators(
    struct supervisor *sv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sv->host.warning, sizeof sv->host.warning, fmt, ap);
	va_end(ap);
	sv->want_about = true;
}

static const char *host_name(char out[static 65])
{
	out[0] = out[64] = '\0';
	gethostname(out, 64);
	return out;
}

static void without(struct supervisor *sv, const char *why)
{
	char host[65];

	sv->host.sandboxed = false;
	warn_operators(sv, "No sandbox on %s: commands run with all rights of their user (%.250s)",
	    host_name(host), why);
}

static void broken(struct supervisor *sv, const char *why)
{
	char host[65];

	log_error("nothing is claimed: %s", why);
	sv->retest_at = clock_boot_ms() + RETEST_MS;
	if (sv->host.broken)
		return;
	sv->host.broken = true;
	warn_operators(sv,
	    "No job is begun on %s: commands cannot be put into the sandbox (%.250s)",
	    host_name(host), why);
}

void guard_begin(struct supervisor *sv)
{
	struct err err;

	if (!sv->host.sandboxed) {
		log_warn("sandbox = off: commands run with all rights of their user");
		without(sv, "sandbox = off");
	} else if (!host_test_sandbox(&sv->host, &err)) {
		return;
	} else if (sv->cfg->sandbox == SANDBOX_AUTO) {
		log_error("%s", err.text);
		log_error("sandbox = auto: commands run WITHOUT a sandbox, with all rights of "
			  "their user");
		without(sv, err.text);
	} else {
		broken(sv, err.text);
	}
}

bool guard_holds(struct supervisor *sv)
{
	struct err err;

	if (!sv->host.sandboxed)
		return true;
	if (!sv->host.broken && host_test_sandbox(&sv->host, &err))
		broken(sv, err.text);
	return !sv->host.broken;
}

void guard_turn(struct supervisor *sv, int64_t now)
{
	struct err err;

	if (!sv->host.broken || now < sv->retest_at)
		return;
	if (host_test_sandbox(&sv->host, &err)) {
		broken(sv, err.text);
		return;
	}
	log_info("the sandbox holds again");
	sv->host.broken = false;
	warn_operators(sv, "%s", "");
	sv->want_claim = true;
}
