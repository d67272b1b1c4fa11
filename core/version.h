/* The version of this build. */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

/* Release and, in a git checkout, commit: "0.1.0+13708a4c2". Never empty; static. */
extern const char dropmill_version[];

#endif
