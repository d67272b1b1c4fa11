/*
 * The version string. It is compiled into this object alone, so that a new commit rebuilds one file
 * and links again instead of rebuilding everything.
 */
#include "core/version.h"

const char dropmill_version[] = DROPMILL_VERSION;
