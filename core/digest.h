/*
 * SHA-256 of a file.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "core/rc.h"

/* Of a whole file that is open for reading, from its beginning, in hex; its position stays. RC_SYS.
 */
enum rc digest_file(int fd, char hex[static 65], struct err *err);

#endif
