/*
 * Which Debian package a program comes with: for advice.
 */
#ifndef CLI_PACKAGES_H
#define CLI_PACKAGES_H

#include "core/jobtype.h"

/* "apt-get install poppler-utils" for the programs of a type that are missing here, or a sentence
 * when nobody knows where they come from. In cli.arena; NULL: nothing is missing. */
const char *packages_advice(const struct jobtype *t);

#endif
