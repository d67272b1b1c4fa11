/*
 * The packer: makes the archives that people ask for (core/archive.h), one at a time, by the tool
 * dropmill-zip in a process of its own, which has no database and no rights but to read the store.
 *
 * This is the one program beside the runner that touches files of jobs, and it stays outside of the
 * sandbox on purpose: it does not look into what it copies, so there is nothing for a hostile file
 * to get hold of, and it is no job. Under a runner it would need a type, a claim and outputs of
 * its own, and the archive, as large as all results together, would be copied into the store.
 *
 * The archive grows in a file without a name, so whatever dies leaves nothing behind; it is linked
 * into the store when it is complete and synced, and its row comes after that.
 */
#ifndef PROCESSOR_PACKER_H
#define PROCESSOR_PACKER_H

#include <stdint.h>

struct supervisor;
struct packer; /* one archive that is being made */

/* Begin the next if none is being made, hold on to the one that is, and drop archives that nobody
 * needs to keep: a bounded part of what is due. Sets sv->want_pack when there may be more. */
void packer_turn(struct supervisor *sv, int64_t now);

/* Give up what is being made; another processor may make it. */
void packer_stop(struct supervisor *sv);

#endif
