/*
 * Building bubblewrap's argv. The order matters: bubblewrap works through its options one after the
 * other, and the last ones make everything read-only that is not meant to be written.
 */
#include "processor/sandbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

const char sandbox_passwd[] = "root:x:0:0:root:/:/usr/sbin/nologin\n"
			      "job:x:1000:1000:job:/tmp:/bin/sh\n"
			      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const char sandbox_group[] = "root:x:0:\njob:x:1000:\nnogroup:x:65534:\n";

/* What programs below /usr look for in /etc: links to alternatives, the linker's cache, fonts,
 * policies of converters, certificates. */
static const char *const etc[] = {"alternatives", "ld.so.cache", "fonts", "ImageMagick-6",
    "ImageMagick-7", "libreoffice", "ssl/certs"};

/* And with the network: how names are found. */
static const char *const etc_network[] = {
    "resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols"};

/* Directories of the root that are links into /usr on today's systems and directories on older. */
static const char *const roots[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

struct args {
	struct arena *a;
	char **list;
	size_t n, room;
};

static void add(struct args *args, const char *text)
{
	if (args->n + 1 >= args->room) {
		char **more = arena_alloc(args->a, 2 * args->room * sizeof *more);

		memcpy(more, args->list, args->n * sizeof *more);
		args->list = more;
		args->room *= 2;
	}
	args->list[args->n++] = (char *)(uintptr_t)text;
	args->list[args->n] = NULL;
}

#define ADD(args, ...)                                            \
	do {                                                      \
		static const char *const words[] = {__VA_ARGS__}; \
		for (size_t w = 0; w < COUNT(words); w++)         \
			add(args, words[w]);                      \
	} while (0)

static void add_number(struct args *args, const char *option, int64_t n)
{
	add(args, option);
	add(args, arena_printf(args->a, "%" PRId64, n));
}

static void add_three(struct args *args, const char *option, const char *first, const char *second)
{
	add(args, option);
	add(args, first);
	add(args, second);
}

bool sandbox_wants(const char *directory)
{
	return strcmp(directory, "/usr") != 0 && strncmp(directory, "/usr/", 5) != 0;
}

bool sandbox_nesting_limit(void)
{
	struct statvfs st;

	return statvfs("/proc/sys/user", &st) == 0 && !(st.f_flag & ST_RDONLY);
}

static void add_namespaces(struct args *args, const struct sandbox *s)
{
	ADD(args, SANDBOX_PROGRAM, "--unshare-user", "--unshare-all");
	if (s->network)
		add(args, "--share-net");
	if (sandbox_nesting_limit())
		add(args, "--disable-userns");
	ADD(args, "--uid", "1000", "--gid", "1000", "--hostname", "job", "--die-with-parent",
	    "--new-session", "--cap-drop", "ALL");
}

/* The time zone is a link into /usr as a rule. */
static void add_localtime(struct args *args)
{
	char target[256];
	ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);

	target[n > 0 ? n : 0] = '\0';
	if (strncmp(target, "/usr/", 5) != 0)
		return;
	add_three(args, "--symlink", arena_strdup(args->a, target), "/etc/localtime");
}

static void add_system(struct args *args, const struct sandbox *s)
{
	struct stat st;

	ADD(args, "--ro-bind", "/usr", "/usr");
	for (size_t i = 0; i < COUNT(roots); i++) {
		char target[64];
		ssize_t n;

		if (lstat(roots[i], &st) < 0)
			continue;
		n = S_ISLNK(st.st_mode) ? readlink(roots[i], target, sizeof target - 1) : -1;
		if (n > 0) {
			target[n] = '\0';
			add_three(args, "--symlink", arena_strdup(args->a, target), roots[i]);
		} else if (S_ISDIR(st.st_mode)) {
			add_three(args, "--ro-bind", roots[i], roots[i]);
		}
	}
	for (size_t i = 0; i < COUNT(etc) + (s->network ? COUNT(etc_network) : 0); i++) {
		const char *name = i < COUNT(etc) ? etc[i] : etc_network[i - COUNT(etc)];
		const char *path = arena_printf(args->a, "/etc/%s", name);

		if (access(path, F_OK) == 0)
			add_three(args, "--ro-bind", path, path);
	}
	add_localtime(args);
	add_number(args, "--file", s->passwd);
	add(args, "/etc/passwd");
	add_number(args, "--file", s->group);
	add(args, "/etc/group");
}

static void add_kernel(struct args *args, const struct sandbox *s)
{
	ADD(args, "--proc", "/proc", "--dev", "/dev");
	add_number(args, "--size", s->memory_bytes / 4);
	ADD(args, "--perms", "1777", "--tmpfs", "/dev/shm");
	add_number(args, "--size", s->memory_bytes / 2);
	ADD(args, "--perms", "1777", "--tmpfs", "/tmp");
	/* The first process is bubblewrap itself, without the filter and with descriptors of ours:
	 * /proc/1/mem and /proc/1/fd would be the way to both. */
	ADD(args, "--perms", "0555", "--size", "4096", "--tmpfs", "/proc/1", "--remount-ro",
	    "/proc/1");
}

char **sandbox_argv(const struct sandbox *s, char *const *command, struct arena *a)
{
	struct args args = {.a = a, .room = 128, .list = arena_alloc(a, 128 * sizeof(char *))};

	add_namespaces(&args, s);
	add_system(&args, s);
	add_kernel(&args, s);
	ADD(&args, "--dir", "/job");
	for (size_t i = 0; i < s->bind_count; i++)
		add_three(&args, s->binds[i].writable ? "--bind" : "--ro-bind", s->binds[i].source,
		    s->binds[i].dest);
	ADD(&args, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/job");
	add_number(&args, "--seccomp", s->filter);
	add_number(&args, "--json-status-fd", s->status);
	add_number(&args, "--block-fd", s->block);
	add_number(&args, "--sync-fd", s->lock);
	add(&args, "--");
	for (size_t i = 0; command[i]; i++)
		add(&args, command[i]);
	return args.list;
}
