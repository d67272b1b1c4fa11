/*
 * The database's files, without ever opening one of them: opening and closing the database behind
 * SQLite's back would drop its locks.
 */
#include "core/db_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"

/* Locks and shared memory do not work there, and SQLite cannot notice. */
enum rc db_refuse_network(const char *dir, struct err *err)
{
	static const struct {
		unsigned type;
		const char *name;
	} remote[] = {
	    {NFS_SUPER_MAGIC, "NFS"},
	    {SMB_SUPER_MAGIC, "SMB"},
	    {CIFS_SUPER_MAGIC, "CIFS"},
	    {SMB2_SUPER_MAGIC, "SMB"},
	    {AFS_SUPER_MAGIC, "AFS"},
	    {AFS_FS_MAGIC, "AFS"},
	    {CODA_SUPER_MAGIC, "Coda"},
	    {CEPH_SUPER_MAGIC, "Ceph"},
	    {OCFS2_SUPER_MAGIC, "OCFS2"},
	};
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_sys(err, "cannot open the database's directory '%s'", dir);
	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
		if ((unsigned)fs.f_type == remote[i].type)
			return err_set(err, RC_INVALID,
			    "database refused: '%s' is on a network filesystem (%s)", dir,
			    remote[i].name);
	return RC_OK;
}

/* Names of new files last only once their directory is synced; SQLite leaves that to whoever made
 * the log, who may be gone. */
enum rc db_sync_directory(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return err_sys(err, "cannot open the database's directory '%s'", dir);
	if (fsync(fd) < 0)
		rc = err_sys(err, "cannot sync the database's directory '%s'", dir);
	close(fd);
	return rc;
}

/* Several users of one group share the files; the log and its index take the database's mode when
 * they are made. Only the owner can change it, and need. */
void db_share_with_group(const char *database)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	struct stat st;
	char path[4096];

	for (int i = 0; i < 3; i++)
		if (str_fmt(path, sizeof path, "%s%s", database, suffixes[i]) &&
		    stat(path, &st) == 0 && (st.st_mode & 0777) != 0660 && chmod(path, 0660) < 0 &&
		    errno != EPERM)
			log_warn("cannot set the mode of '%s': %s", path, strerror(errno));
}
