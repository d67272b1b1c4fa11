/*
 * Being told to stop (SIGINT, SIGTERM, SIGHUP) in the middle of something that must be cleared up
 * first.
 */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <stdbool.h>

/* From now on only note it. */
void stop_watch(void);
bool stop_asked(void);
/* Cleared up: end by the signal that came. Returns if none did. */
void stop_now(void);

#endif
