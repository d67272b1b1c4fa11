/*
 * What tests of pure code share: cmocka with all that it wants, and an arena for the whole program.
 * Static, for one program per test file.
 */
#ifndef T_UNIT_ARENA_FIXTURE_H
#define T_UNIT_ARENA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/arena.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

#endif
