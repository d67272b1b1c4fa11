/*
 * Clocks and the one form in which times are shown. Times are int64_t milliseconds; wall times are
 * since 1970 UTC, monotonic ones since boot and not comparable across machines.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_ISO_SIZE 25

int64_t clock_wall_ms(void);
/* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
int64_t clock_boot_ms(void);
int64_t clock_boot_us(void);

/* "2026-11-22T09:30:00.123Z" into out, which is also returned. */
char *clock_iso(int64_t wall_ms, char out[static CLOCK_ISO_SIZE]);

/* A time as people and programs write it: UTC as "2026-11-22T09:30Z", with seconds and milliseconds
 * if need be, or from now on as "+30m" (core/str.h). Years 1970 to 9999. False leaves *out alone.
 */
bool clock_read(const char *s, int64_t now_wall_ms, int64_t *out_wall_ms);

/* A duration for people, such as "850 ms", "12 s", "2 min 5 s", "3 h 4 min", "30 days". */
char *clock_words(int64_t ms, char out[static CLOCK_ISO_SIZE]);

#endif
