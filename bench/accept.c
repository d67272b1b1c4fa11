/*
 * The peer of the small-upload figure: what accepting a file costs at the least. PROCESSES loops,
 * each writing a new file of SIZE bytes, syncing it, linking it into another directory, syncing
 * that, and one durable commit; nothing is parsed, typed or recorded beyond that.
 *
 * usage: accept DIR PROCESSES SECONDS SIZE; prints accepted files per second.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/id.h"
#include "core/migrate.h"

static struct config cfg;

static void one(struct db *db, int in, int out, const char *body, size_t size)
{
	struct err err = {0};
	char name[UUID_SIZE], dir[3];
	int fd, sub;

	uuid_new(name);
	snprintf(dir, sizeof dir, "%s", name + UUID_SIZE - 3);
	fd = openat(in, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, body, size) != (ssize_t)size || fdatasync(fd) < 0 || close(fd) < 0)
		die(EX_IOERR, "cannot write a file");
	sub = openat(out, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0 && mkdirat(out, dir, 0700) == 0)
		sub = openat(out, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0 || linkat(in, name, sub, name, 0) < 0 || unlinkat(in, name, 0) < 0 ||
	    fsync(sub) < 0 || close(sub) < 0)
		die(EX_IOERR, "cannot link a file");
	if (db_begin(db, &err) != RC_OK ||
	    db_exec(db, SQL_SETTING_PUT, DB_ARGS(DB_TEXT(name), DB_TEXT("x")), &err) != RC_OK ||
	    db_commit_durable(db, &err) != RC_OK)
		die(EX_IOERR, "cannot commit: %s", err.text);
}

int main(int argc, char **argv)
{
	struct err err = {0};
	struct arena a;
	int64_t *count;
	int applied;

	if (argc != 5)
		die(EX_USAGE, "usage: accept DIR PROCESSES SECONDS SIZE");
	int processes = atoi(argv[2]), seconds = atoi(argv[3]);
	size_t size = (size_t)atol(argv[4]);
	char *body = malloc(size);

	memset(body, 'x', size);
	arena_init(&a);
	cfg.database = arena_printf(&a, "%s/bare.db", argv[1]);
	if (migrate_run(&cfg, &applied, &err) != RC_OK)
		die(EX_IOERR, "cannot make the database: %s", err.text);
	mkdir(arena_printf(&a, "%s/in", argv[1]), 0700);
	mkdir(arena_printf(&a, "%s/out", argv[1]), 0700);
	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			int in = open(
			    arena_printf(&a, "%s/in", argv[1]), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			int out = open(arena_printf(&a, "%s/out", argv[1]),
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			int64_t end = clock_boot_ms() + seconds * 1000;
			struct db *db;

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (db_open(&cfg, &db, &err) != RC_OK)
				die(EX_IOERR, "cannot open the database: %s", err.text);
			while (clock_boot_ms() < end) {
				one(db, in, out, body, size);
				count[i]++;
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	int64_t all = 0;

	for (int i = 0; i < processes; i++)
		all += count[i];
	printf("%.0f\n", (double)all / seconds);
	return 0;
}
