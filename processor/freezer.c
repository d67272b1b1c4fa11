/*
 * Freezing and thawing.
 */
#include "processor/freezer.h"

#include <signal.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/watch.h"

#define AGAIN_MAX 40

enum rc freezer_signal(const struct nskill *ns, int sig, struct err *err)
{
	if (ns)
		return nskill_send(ns, sig, err);
	watch_signal(getpid(), sig);
	return RC_OK;
}

static void tell(const struct nskill *ns, int sig)
{
	struct err err;

	if (freezer_signal(ns, sig, &err))
		log_warn("%s", err.text);
}

void freezer_freeze(struct freezer *f, const struct nskill *ns, bool begun, int64_t *deadline)
{
	int64_t now = clock_boot_ms();

	f->on = true;
	f->again = AGAIN_MAX;
	if (!begun)
		return;
	if (*deadline) {
		f->left_ms = *deadline > now ? *deadline - now : 1;
		*deadline = 0;
	}
	tell(ns, SIGSTOP);
}

void freezer_thaw(struct freezer *f, const struct nskill *ns, bool begun, int64_t *deadline)
{
	if (!f->on)
		return;
	f->on = false;
	if (!begun)
		return;
	if (f->left_ms)
		*deadline = clock_boot_ms() + f->left_ms;
	f->left_ms = 0;
	tell(ns, SIGCONT);
}

void freezer_again(struct freezer *f, const struct nskill *ns)
{
	struct err err;

	if (f->on && (f->again-- > 0 || !ns))
		freezer_signal(ns, SIGSTOP, &err);
}
