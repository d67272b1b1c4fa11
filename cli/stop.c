/*
 * A flag, set by signals.
 */
#include "cli/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t came;

static void note(int sig)
{
	came = sig;
}

void stop_watch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
}

bool stop_asked(void)
{
	return came != 0;
}

void stop_now(void)
{
	if (!came)
		return;
	signal(came, SIG_DFL);
	raise(came);
}
