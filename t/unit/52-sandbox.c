/* bubblewrap's command line: what must be there, in which order, and what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "processor/sandbox.h"
#include "processor/seccomp.h"
#include "processor/workdir.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena arena;

static const struct sandbox_bind binds[] = {
    {"/store/ab/x", "/job/in/a b.csv", false, 0, ""}, {"/work/1/out", "/job/out", true, 0, ""}};

static char **make(bool network)
{
	static char program[] = "/opt/tool", option[] = "--bind", slash[] = "/";
	char *const command[] = {program, option, slash, slash, NULL};
	struct sandbox s = {.binds = binds,
	    .bind_count = 2,
	    .network = network,
	    .memory_bytes = 1 << 20,
	    .filter = 7,
	    .status = 4,
	    .block = 5,
	    .lock = 6,
	    .passwd = 8,
	    .group = 9};

	return sandbox_argv(&s, command, &arena);
}

/* Where these words stand one behind the other, before "--"; -1: nowhere. */
static int find(char **argv, const char *a, const char *b, const char *c)
{
	for (int i = 0; argv[i] && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], a) == 0 &&
		    (!b || (argv[i + 1] && strcmp(argv[i + 1], b) == 0)) &&
		    (!c || (argv[i + 1] && argv[i + 2] && strcmp(argv[i + 2], c) == 0)))
			return i;
	return -1;
}

static void everything_promised_is_there(void **state)
{
	static const char *const words[][3] = {{"--unshare-user"}, {"--unshare-all"},
	    {"--die-with-parent"}, {"--new-session"}, {"--cap-drop", "ALL"}, {"--uid", "1000"},
	    {"--gid", "1000"}, {"--ro-bind", "/usr", "/usr"}, {"--proc", "/proc"},
	    {"--dev", "/dev"}, {"--size", "262144"}, {"--size", "524288"}, {"--tmpfs", "/tmp"},
	    {"--tmpfs", "/dev/shm"}, {"--remount-ro", "/"}, {"--remount-ro", "/dev"},
	    {"--seccomp", "7"}, {"--json-status-fd", "4"}, {"--block-fd", "5"}, {"--sync-fd", "6"},
	    {"--file", "8", "/etc/passwd"}, {"--file", "9", "/etc/group"},
	    {"--ro-bind", "/store/ab/x", "/job/in/a b.csv"}, {"--bind", "/work/1/out", "/job/out"},
	    {"--ro-bind", "/etc/alternatives", "/etc/alternatives"}};
	char **argv = make(false);

	(void)state;
	assert_string_equal(argv[0], SANDBOX_PROGRAM);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (find(argv, words[i][0], words[i][1], words[i][2]) < 0)
			fail_msg("missing: %s %s %s", words[i][0], words[i][1] ? words[i][1] : "",
			    words[i][2] ? words[i][2] : "");
	assert_int_equal(find(argv, "--disable-userns", NULL, NULL) >= 0, sandbox_nesting_limit());
}

static void nothing_else_may_be_written(void **state)
{
	char **argv = make(false);
	int writable = 0;

	(void)state;
	for (int i = 0; strcmp(argv[i], "--") != 0; i++) {
		writable += strcmp(argv[i], "--bind") == 0;
		assert_string_not_equal(argv[i], "--dev-bind");
		assert_string_not_equal(argv[i], "--share-net");
		assert_string_not_equal(argv[i], "--setenv"); /* everybody can read an argv */
	}
	assert_int_equal(writable, 1);
	/* the root is closed when all mount points have been made */
	assert_true(find(argv, "--remount-ro", "/", NULL) > find(argv, "--bind", NULL, NULL));
	assert_true(
	    find(argv, "--remount-ro", "/dev", NULL) > find(argv, "--tmpfs", "/dev/shm", NULL));
}

static void the_command_comes_last_and_whole(void **state)
{
	char **argv = make(false);
	int i = 0;

	(void)state;
	while (strcmp(argv[i], "--") != 0)
		i++;
	assert_string_equal(argv[i + 1], "/opt/tool");
	assert_string_equal(argv[i + 2], "--bind");
	assert_null(argv[i + 5]);
}

static void the_network_is_shared_only_when_asked_for(void **state)
{
	char **with = make(true), **without = make(false);

	(void)state;
	assert_true(
	    find(with, "--share-net", NULL, NULL) > find(with, "--unshare-all", NULL, NULL));
	assert_true(find(without, "--share-net", NULL, NULL) < 0);
	assert_true(find(without, "--ro-bind", "/etc/resolv.conf", NULL) < 0);
}

static void the_filter_is_a_program(void **state)
{
	struct buf b;
	struct err err;

	(void)state;
	buf_init(&b);
	assert_int_equal(seccomp_program(&b, &err), RC_OK);
	assert_true(b.len > 50 * sizeof(struct sock_filter));
	assert_int_equal(b.len % sizeof(struct sock_filter), 0);
	buf_release(&b);
}

/* ---- work directories, and the bounded log ---- */

static char top[64];
static int root = -1;

static int set_up(void **state)
{
	struct err err;

	(void)state;
	arena_init(&arena);
	strcpy(top, "/tmp/dropmill-work-XXXXXX");
	return mkdtemp(top) && workdir_open(top, &root, &err) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	arena_release(&arena);
	close(root);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static void a_lock_tells_the_living(void **state)
{
	char uuid[UUID_SIZE], name[WORKDIR_NAME_SIZE];
	int dir, lock, other, other_lock, budget = 100;
	int64_t owner;
	struct err err;

	(void)state;
	workdir_name(uuid_new(uuid), 3, name);
	assert_true(workdir_valid(name));
	assert_false(workdir_valid("worker-1.lock"));
	assert_false(workdir_valid(uuid));
	assert_int_equal(workdir_make(root, name, 42, (uid_t)-1, 0, &dir, &lock, &err), RC_OK);
	assert_int_equal(
	    workdir_make(root, name, 42, (uid_t)-1, 0, &other, &other_lock, &err), RC_CONFLICT);
	assert_true(workdir_alive(root, name, &owner));
	assert_int_equal(owner, 42);
	close(lock);
	assert_false(workdir_alive(root, name, &owner));
	assert_int_equal(owner, 42);
	close(dir);
	assert_true(workdir_remove(root, name, &budget));
	assert_false(workdir_alive(root, name, &owner));
	assert_int_equal(owner, 0);
}

static void a_directory_is_taken_over(void **state)
{
	char uuid[UUID_SIZE], from[WORKDIR_NAME_SIZE], to[WORKDIR_NAME_SIZE], text[64] = "";
	int dir, lock, next = -1, budget = 100;
	struct stat before, after;
	int64_t owner;
	struct err err;

	(void)state;
	workdir_name(uuid_new(uuid), 1, from);
	workdir_name(uuid_new(uuid), 1, to);
	assert_int_equal(workdir_make(root, from, 7, (uid_t)-1, 0, &dir, &lock, &err), RC_OK);
	assert_true(write(lock, "pidns 1 2\n", 10) == 10);
	/* its runner holds the lock */
	assert_int_equal(
	    workdir_take_over(root, from, dir, to, 7, (uid_t)-1, 0, &next, &err), RC_BUSY);
	assert_int_equal(next, -1);
	close(lock);
	/* a file is left */
	assert_int_equal(mkdirat(dir, "out/left", 0700), 0);
	assert_int_equal(
	    workdir_take_over(root, from, dir, to, 7, (uid_t)-1, 0, &next, &err), RC_BUSY);
	assert_int_equal(unlinkat(dir, "out/left", AT_REMOVEDIR), 0);
	assert_int_equal(fchmodat(dir, "out", 0, 0), 0);
	assert_int_equal(fstat(dir, &before), 0);
	assert_int_equal(
	    workdir_take_over(root, from, dir, to, 7, (uid_t)-1, 0, &next, &err), RC_OK);
	assert_int_equal(faccessat(root, from, F_OK, 0), -1);
	assert_int_equal(fstatat(root, to, &after, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(before.st_ino == after.st_ino);
	assert_int_equal(fstatat(dir, "out", &after, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(after.st_mode & 07777, 0700);
	assert_true(pread(next, text, sizeof text - 1, 0) > 0);
	assert_string_equal(text, "worker 7\n");
	assert_true(workdir_alive(root, to, &owner));
	close(next);
	assert_false(workdir_alive(root, to, &owner));
	assert_int_equal(owner, 7);
	close(dir);
	assert_true(workdir_remove(root, to, &budget));
}

/* A pid namespace with one process, which lives until the pipe is closed; its pid out here. */
static pid_t namespace_of_one(const int until[static 2])
{
	int said[2];
	pid_t maker, first = 0;

	assert_int_equal(pipe(said), 0);
	maker = fork();
	if (!maker) {
		char c;

		close(until[1]);
		if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0 || (first = fork()) < 0)
			_exit(1);
		if (first && write(said[1], &first, sizeof first) != sizeof first)
			_exit(1);
		if (!first && read(until[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(said[1]);
	assert_int_equal(read(said[0], &first, sizeof first), sizeof first);
	close(said[0]);
	assert_int_equal(waitpid(maker, NULL, 0), maker);
	return first;
}

static void a_namespace_that_lives_counts(void **state)
{
	char uuid[UUID_SIZE], name[WORKDIR_NAME_SIZE], path[WORKDIR_NAME_SIZE + 8];
	int dir, lock, until[2], budget = 100;
	struct stat st;
	siginfo_t info;
	int64_t owner;
	struct err err;
	pid_t first;

	(void)state;
	/* The first process comes to us when its maker has gone: it is ours to wait for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(until, O_CLOEXEC), 0);
	first = namespace_of_one(until);
	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)first);
	assert_int_equal(stat(path, &st), 0);
	workdir_name(uuid_new(uuid), 1, name);
	assert_int_equal(workdir_make(root, name, 1, (uid_t)-1, 0, &dir, &lock, &err), RC_OK);
	close(dir);
	dprintf(lock, "pidns %lld %d\n", (long long)st.st_ino, (int)first);
	close(lock);
	assert_true(workdir_alive(root, name, &owner));
	/* The number was given to another. */
	snprintf(path, sizeof path, "%s/lock", name);
	lock = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	dprintf(lock, "worker 1\npidns %lld %d\n", (long long)st.st_ino, (int)first + 1);
	close(lock);
	assert_false(workdir_alive(root, name, &owner));
	assert_int_equal(owner, 1);
	lock = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	dprintf(lock, "worker 1\npidns %lld %d\n", (long long)st.st_ino, (int)first);
	close(lock);
	assert_true(workdir_alive(root, name, &owner));
	/* Dead, and nobody has waited for it yet: the first process of a container may never. */
	close(until[1]);
	close(until[0]);
	assert_int_equal(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
	assert_false(workdir_alive(root, name, &owner));
	assert_int_equal(waitpid(first, NULL, 0), first);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_true(workdir_remove(root, name, &budget));
}

static void removal_is_thorough_and_bounded(void **state)
{
	char uuid[UUID_SIZE], name[WORKDIR_NAME_SIZE], command[1000], outside[100];
	int dir, lock, budget, turns = 0;
	struct stat st;
	struct err err;

	(void)state;
	workdir_name(uuid_new(uuid), 1, name);
	assert_int_equal(workdir_make(root, name, 1, (uid_t)-1, 0, &dir, &lock, &err), RC_OK);
	close(lock);
	close(dir);
	snprintf(outside, sizeof outside, "%s/outside", top);
	snprintf(command, sizeof command,
	    "mkdir %s && touch %s/kept && cd %s/%s/out && ln -s %s link && ln -s / root && mkfifo "
	    "fifo &&"
	    " for i in $(seq 300); do touch f$i; done && mkdir locked && touch locked/x && chmod 0 "
	    "locked &&"
	    " for i in $(seq 200); do mkdir d && cd d || exit 1; done && touch deep",
	    outside, outside, top, name, outside);
	assert_int_equal(system(command), 0);
	for (budget = 100; !workdir_remove(root, name, &budget) && turns < 50; budget = 100) {
		int64_t owner;

		turns++;
		/* Whose it was is known to the end: nobody else takes what is left for new. */
		assert_false(workdir_alive(root, name, &owner));
		assert_int_equal(owner, 1);
	}
	assert_in_range(turns, 3, 49);
	assert_int_not_equal(fstatat(root, name, &st, 0), 0);
	snprintf(command, sizeof command, "test -f %s/kept && test -d /usr", outside);
	assert_int_equal(system(command), 0);
}

static void a_worker_lock_lives_as_long_as_its_owner(void **state)
{
	struct err err;
	int fd;

	(void)state;
	assert_false(worker_alive(root, 9));
	assert_int_equal(worker_lock(root, 9, &fd, &err), RC_OK);
	assert_true(worker_alive(root, 9));
	close(fd);
	assert_false(worker_alive(root, 9));
	worker_unlock(root, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_promised_is_there),
	    cmocka_unit_test(nothing_else_may_be_written),
	    cmocka_unit_test(the_command_comes_last_and_whole),
	    cmocka_unit_test(the_network_is_shared_only_when_asked_for),
	    cmocka_unit_test(the_filter_is_a_program),
	    cmocka_unit_test(a_directory_is_taken_over),
	    cmocka_unit_test(a_lock_tells_the_living),
	    cmocka_unit_test(a_namespace_that_lives_counts),
	    cmocka_unit_test(removal_is_thorough_and_bounded),
	    cmocka_unit_test(a_worker_lock_lives_as_long_as_its_owner),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
