/*
 * The log file of SQLite's WAL mode: what a commit appends goes out in one write.
 *
 * SQLite writes each page of a transaction with two system calls, a header of 24 bytes and the
 * page; an upload changes some twenty pages, and all who write wait for it. So there is a layer
 * between SQLite and its own file functions. It holds back what is appended to the log from the
 * beginning of a transaction to the frame that commits it, which says so in its header (bytes 4 to
 * 7, the size of the database, are zero in all others), and writes that as a whole before SQLite
 * goes on. An error is therefore the commit's own. Only then does SQLite tell others of the new
 * frames, in the shared memory, so nobody ever looks for what is not there yet.
 *
 * Every other use of the file writes what is held back first. After the commit nothing is held back
 * until the next transaction begins: SQLite may still mend checksums of frames it wrote before.
 * What a transaction that is rolled back leaves here is forgotten before the write lock goes: the
 * next one, of any process, writes to the same place, and must not be overwritten by it.
 */
#include "core/db_sqlite.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_HEADER_BYTES 24
/* Thirty frames; who changes more pages writes them in as many pieces. */
#define HELD_MAX (30 * (FRAME_HEADER_BYTES + 4096))

/* Stands behind SQLite's own structure of a log file. */
struct sqlite_log {
	const sqlite3_io_methods *real;
	sqlite3_io_methods own; /* the same but for what is below */
	char *held;
	sqlite3_int64 at; /* where held[0] belongs */
	int n;            /* bytes held back */
	bool holding;     /* within a transaction, before the frame that commits it */
	bool last;        /* the page that comes next commits */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
} layer;

static struct sqlite_log *log_of(sqlite3_file *f)
{
	return (struct sqlite_log *)((char *)f + layer.real->szOsFile);
}

static int write_held(sqlite3_file *f)
{
	struct sqlite_log *l = log_of(f);
	int n = l->n;

	l->n = 0;
	return n ? l->real->xWrite(f, l->held, n, l->at) : SQLITE_OK;
}

static bool commits(const unsigned char *header)
{
	return header[4] || header[5] || header[6] || header[7];
}

static int log_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 offset)
{
	struct sqlite_log *l = log_of(f);
	bool last = l->last;
	int code = SQLITE_OK;

	if (l->n && (offset != l->at + l->n || l->n + size > HELD_MAX))
		code = write_held(f);
	if (code != SQLITE_OK)
		return code;
	if (!l->holding || size > HELD_MAX)
		return l->real->xWrite(f, data, size, offset);
	if (!l->n)
		l->at = offset;
	memcpy(l->held + l->n, data, (size_t)size);
	l->n += size;
	l->last = size == FRAME_HEADER_BYTES && commits(data);
	if (!last)
		return SQLITE_OK;
	l->holding = false;
	return write_held(f);
}

static int log_read(sqlite3_file *f, void *data, int size, sqlite3_int64 offset)
{
	int code = write_held(f);

	return code == SQLITE_OK ? log_of(f)->real->xRead(f, data, size, offset) : code;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int code = write_held(f);

	return code == SQLITE_OK ? log_of(f)->real->xTruncate(f, size) : code;
}

static int log_sync(sqlite3_file *f, int flags)
{
	int code = write_held(f);

	return code == SQLITE_OK ? log_of(f)->real->xSync(f, flags) : code;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *size)
{
	int code = write_held(f);

	return code == SQLITE_OK ? log_of(f)->real->xFileSize(f, size) : code;
}

static int log_close(sqlite3_file *f)
{
	free(log_of(f)->held);
	return log_of(f)->real->xClose(f);
}

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int code = layer.real->xOpen(layer.real, name, f, flags, out);
	struct sqlite_log *l = log_of(f);

	(void)vfs;
	if (code != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return code;
	*l = (struct sqlite_log){.real = f->pMethods, .own = *f->pMethods};
	l->own.xWrite = log_write;
	l->own.xRead = log_read;
	l->own.xTruncate = log_truncate;
	l->own.xSync = log_sync;
	l->own.xFileSize = log_size;
	l->own.xClose = log_close;
	f->pMethods = &l->own;
	return SQLITE_OK;
}

const char *sqlite_log_layer(void)
{
	if (layer.real)
		return layer.vfs.zName;
	layer.real = sqlite3_vfs_find(NULL);
	layer.vfs = *layer.real;
	layer.vfs.zName = "dropmill";
	layer.vfs.szOsFile += (int)sizeof(struct sqlite_log);
	layer.vfs.xOpen = layer_open;
	if (sqlite3_vfs_register(&layer.vfs, 0) != SQLITE_OK)
		bug("cannot register with SQLite");
	return layer.vfs.zName;
}

static sqlite3_file *log_file(struct sqlite_conn *c)
{
	sqlite3_file *f = NULL;
	int code = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f);

	if (code != SQLITE_OK || !f || !f->pMethods)
		bug("no log: code=%d", code);
	return f;
}

void sqlite_log_begin(struct sqlite_conn *c)
{
	struct sqlite_log *l = log_of(log_file(c));

	if (l->n)
		bug("bytes were left of an earlier transaction: n=%d", l->n);
	if (!l->held)
		l->held = malloc(HELD_MAX);
	l->last = false;
	l->holding = l->held != NULL;
}

void sqlite_log_forget(struct sqlite_conn *c)
{
	struct sqlite_log *l = log_of(log_file(c));

	l->n = 0;
	l->holding = false;
}

int sqlite_log_sync(struct sqlite_conn *c)
{
	sqlite3_file *f = log_file(c);

	return f->pMethods->xSync(f, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}
