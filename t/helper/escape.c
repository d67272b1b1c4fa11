/*
 * Tries to get out of the sandbox, one way for each name: t/59-probes.t runs it as the command of a
 * job.
 *
 *   escape NAME [ARGUMENT…]
 *
 * Prints `held: NAME: why` and exits 0 when the attempt was refused as it should be, `ESCAPED:
 * NAME` and 1 when it got through, `unclear: …` and 2 when it failed for a reason that proves
 * nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* What a way returns: the value of the decisive call, so below 0 means refused, with errno. */
typedef long way(char **argument);

static long number(const char *text)
{
	return text ? strtol(text, NULL, 10) : 0;
}

/* ---- sockets ---- */

static long to_address(int type, const struct sockaddr *address, socklen_t len)
{
	const struct timeval most = {.tv_sec = 1};
	int s = socket(address->sa_family, type, 0);
	char byte = 'x';

	if (s < 0)
		return -1;
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	if (connect(s, address, len) < 0)
		return -1;
	return send(s, &byte, 1, MSG_NOSIGNAL);
}

static long internet(int type, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)number(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return to_address(type, (struct sockaddr *)&a, sizeof a);
}

static long tcp(char **argument)
{
	return internet(SOCK_STREAM, argument[0]);
}

/* Sending succeeds where nobody listens too: the answer to the first is an error on the second. */
static long udp(char **argument)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)number(argument[0])),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0 || send(s, "x", 1, 0) < 0)
		return -1;
	usleep(50000);
	return send(s, "x", 1, 0);
}

/* A documentation address: no packet may even find a way out. */
static long outward(char **argument)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};

	(void)argument;
	inet_pton(AF_INET, "192.0.2.1", &a.sin_addr);
	return to_address(SOCK_DGRAM, (struct sockaddr *)&a, sizeof a);
}

static long unix_path(char **argument)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof a.sun_path, "%s", argument[0]);
	return to_address(SOCK_STREAM, (struct sockaddr *)&a, sizeof a);
}

static long unix_abstract(char **argument)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s", argument[0]);

	return to_address(SOCK_STREAM, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

/* Netlink exists, but may not change anything: set the loopback interface down. */
static long netlink_change(char **argument)
{
	struct {
		uint32_t len;
		uint16_t type, flags;
		uint32_t seq, pid;
		uint8_t family, pad;
		uint16_t kind;
		int32_t index;
		uint32_t set, change;
	} request = {
	    sizeof request, 16 /* RTM_NEWLINK */, 5 /* REQUEST | ACK */, 1, 0, 0, 0, 0, 1, 0, 1};
	struct {
		uint32_t len;
		uint16_t type, flags;
		uint32_t seq, pid;
		int32_t error;
		char rest[512];
	} answer = {0};
	int s = socket(AF_NETLINK, SOCK_RAW, 0);

	(void)argument;
	if (s < 0 || send(s, &request, sizeof request, 0) < 0 ||
	    recv(s, &answer, sizeof answer, 0) < 0)
		return -1;
	errno = -answer.error;
	return answer.error ? -1 : 0;
}

/* ---- other processes ---- */

static long trace(char **argument)
{
	return ptrace(PTRACE_ATTACH, (pid_t)number(argument[0]), NULL, NULL);
}

static long read_memory(char **argument)
{
	char here[8];
	struct iovec local = {here, sizeof here},
		     remote = {(void *)strtoul(argument[1], NULL, 16), 8};

	return process_vm_readv((pid_t)number(argument[0]), &local, 1, &remote, 1, 0);
}

static long signal_process(char **argument)
{
	return kill((pid_t)number(argument[0]), (int)number(argument[1]));
}

/* Everyone we may reach; this process itself is spared. The test looks who is left outside. */
static long signal_everyone(char **argument)
{
	(void)argument;
	kill(-1, SIGKILL);
	errno = ESRCH;
	return -1;
}

/* The first process of the namespace: it must not go, or even stop. */
static long signal_init(char **argument)
{
	(void)argument;
	kill(1, SIGKILL);
	kill(1, SIGSTOP);
	kill(getppid(), SIGKILL);
	usleep(200000);
	errno = ESRCH;
	return kill(1, 0) == 0 ? -1 : 0;
}

static long steal_descriptor(char **argument)
{
	int fd = (int)syscall(SYS_pidfd_open, number(argument[0]), 0);

	return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0);
}

/* ---- namespaces and mounts ---- */

static long unmount(char **argument)
{
	return umount2(argument[0], MNT_DETACH);
}

static long leave_namespace(char **argument)
{
	return unshare((int)strtol(argument[0], NULL, 16));
}

/* The flag beyond 32 bits is what a careless filter would miss. */
static long clone_namespace(char **argument)
{
	unsigned long flags = strtoul(argument[0], NULL, 16);
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return pid;
}

static long clone3_namespace(char **argument)
{
	struct clone_args args = {.flags = strtoul(argument[0], NULL, 16), .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (!pid)
		_exit(0);
	return pid;
}

static long enter_namespace(char **argument)
{
	int fd = open(argument[0], O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, 0);
}

/* ---- the kernel's larger doors ---- */

static long bpf_map(char **argument)
{
	struct {
		uint32_t type, key, value, entries, rest[24];
	} attr = {2, 4, 4, 1, {0}};

	(void)argument;
	return syscall(SYS_bpf, 0, &attr, sizeof attr);
}

static long perf(char **argument)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
	    .size = sizeof attr,
	    .config = PERF_COUNT_SW_TASK_CLOCK,
	    .exclude_kernel = 1};

	(void)argument;
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long ring(char **argument)
{
	struct io_uring_params params = {0};

	(void)argument;
	return syscall(SYS_io_uring_setup, 4, &params);
}

static long file_handle(char **argument)
{
	struct {
		struct file_handle head;
		char room[128];
	} handle = {.head.handle_bytes = 128};
	int mount_id;

	(void)argument;
	return name_to_handle_at(AT_FDCWD, "/usr", &handle.head, &mount_id, 0);
}

/* Inode 2 of most filesystems is their root. */
static long open_handle(char **argument)
{
	struct {
		struct file_handle head;
		uint32_t inode, generation;
	} handle = {{8, 1}, 2, 0};
	int dir = open("/job/out", O_RDONLY | O_DIRECTORY);

	(void)argument;
	return dir < 0 ? -1 : open_by_handle_at(dir, &handle.head, O_RDONLY);
}

static long set_time(char **argument)
{
	struct timespec now;

	(void)argument;
	clock_gettime(CLOCK_REALTIME, &now);
	return clock_settime(CLOCK_REALTIME, &now);
}

static long set_day(char **argument)
{
	struct timeval now;

	(void)argument;
	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static long host_name(char **argument)
{
	return sethostname(argument[0], strlen(argument[0]));
}

/* ---- rights ---- */

static long become_root(char **argument)
{
	(void)argument;
	/* EINVAL: there is no such user in here. */
	return setuid(0) < 0 ? errno = EPERM, -1 : 0;
}

static long take_capabilities(char **argument)
{
	struct {
		uint32_t version;
		int pid;
	} head = {0x20080522, 0};
	uint32_t data[6] = {1u << 21, 1u << 21, 1u << 21, 0, 0, 0}; /* CAP_SYS_ADMIN */

	(void)argument;
	return syscall(SYS_capset, &head, data);
}

static long device(char **argument)
{
	return mknod(argument[0], S_IFCHR | 0666, 0x101 /* /dev/mem */);
}

static long block_device(char **argument)
{
	return mknod(argument[0], S_IFBLK | 0666, 0x800);
}

static long lower_nice(char **argument)
{
	(void)argument;
	errno = 0;
	return nice(-5) < 0 && !errno ? 0 : errno ? -1 : 0;
}

static long raise_limit(char **argument)
{
	struct rlimit want = {RLIM_INFINITY, RLIM_INFINITY};

	(void)argument;
	return setrlimit(RLIMIT_FSIZE, &want);
}

/* ---- files ---- */

static long open_read(char **argument)
{
	char byte;
	int fd = open(argument[0], O_RDONLY | O_NONBLOCK);

	return fd < 0 ? -1 : read(fd, &byte, 1);
}

static long open_write(char **argument)
{
	return open(argument[0], O_WRONLY | O_NONBLOCK);
}

static long create(char **argument)
{
	return open(argument[0], O_WRONLY | O_CREAT, 0666);
}

static long hard_link(char **argument)
{
	return link(argument[0], argument[1]);
}

static long list_directory(char **argument)
{
	return open(argument[0], O_RDONLY | O_DIRECTORY);
}

static long change_mode(char **argument)
{
	return chmod(argument[0], 0777);
}

/* Nothing but 0 to 3 was inherited. */
static long descriptors(char **argument)
{
	(void)argument;
	for (int fd = 4; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return fd;
	errno = ENOENT;
	return -1;
}

static const struct {
	const char *name;
	way *way;
} ways[] = {{"tcp", tcp}, {"udp", udp}, {"outward", outward}, {"unix", unix_path},
    {"abstract", unix_abstract}, {"netlink-change", netlink_change}, {"ptrace", trace},
    {"vm-read", read_memory}, {"kill", signal_process}, {"kill-everyone", signal_everyone},
    {"kill-init", signal_init}, {"pidfd-getfd", steal_descriptor}, {"umount", unmount},
    {"unshare", leave_namespace}, {"clone", clone_namespace}, {"clone3", clone3_namespace},
    {"setns", enter_namespace}, {"bpf", bpf_map}, {"perf", perf}, {"io-uring", ring},
    {"name-to-handle", file_handle}, {"open-by-handle", open_handle}, {"clock-settime", set_time},
    {"settimeofday", set_day}, {"sethostname", host_name}, {"setuid", become_root},
    {"capset", take_capabilities}, {"mknod-char", device}, {"mknod-block", block_device},
    {"nice", lower_nice}, {"rlimit", raise_limit}, {"read", open_read}, {"write", open_write},
    {"create", create}, {"link", hard_link}, {"list", list_directory}, {"chmod", change_mode},
    {"descriptors", descriptors}};

/* Ways of one system call. The bits above the 32 that the kernel looks at must not fool the filter.
 */
#define TEXT(t) (long)(uintptr_t)(t)
#define HIGH (1L << 32)
#define STI 0x5412L

static const struct {
	const char *name;
	long call, argument[5];
} calls[] = {{"raw", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_ICMP}},
    {"packet", SYS_socket, {AF_PACKET, SOCK_RAW}}, {"vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM}},
    {"alg", SYS_socket, {AF_ALG, SOCK_SEQPACKET}},
    {"wide-family", SYS_socket, {HIGH | AF_ALG, SOCK_SEQPACKET}},
    {"mount", SYS_mount, {TEXT("none"), TEXT("/tmp"), TEXT("tmpfs")}},
    {"remount", SYS_mount, {0, TEXT("/usr"), 0, MS_REMOUNT | MS_BIND}},
    {"chroot", SYS_chroot, {TEXT("/job/out")}},
    {"pivot-root", SYS_pivot_root, {TEXT("/tmp"), TEXT("/tmp")}},
    {"open-tree", SYS_open_tree, {AT_FDCWD, TEXT("/"), 1 /* OPEN_TREE_CLONE */}},
    {"fsopen", SYS_fsopen, {TEXT("tmpfs")}}, {"tiocsti", SYS_ioctl, {STDIN_FILENO, STI, TEXT("x")}},
    {"tioclinux", SYS_ioctl, {STDIN_FILENO, 0x541C, TEXT("x")}},
    {"tiocsti-wide", SYS_ioctl, {STDIN_FILENO, HIGH | STI, TEXT("x")}},
    {"add-key", SYS_add_key,
	{TEXT("user"), TEXT("dropmill-probe"), TEXT("x"), 1, KEY_SPEC_PROCESS_KEYRING}},
    {"keyctl", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1}},
    {"userfaultfd", SYS_userfaultfd, {1 /* UFFD_USER_MODE_ONLY */}}, {"kexec", SYS_kexec_load, {0}},
    {"init-module", SYS_init_module, {TEXT("x"), 1, TEXT("")}},
    {"delete-module", SYS_delete_module, {TEXT("no_such_module")}},
    {"swapon", SYS_swapon, {TEXT("/job/out/no-such-file")}},
    {"reboot", SYS_reboot, {0xfee1dead, 0x28121969, 0 /* only Ctrl-Alt-Del */}},
    {"syslog", SYS_syslog, {10 /* size of the buffer */}}, {"ioperm", SYS_ioperm, {0x80, 1, 1}}};

static long try_way(char **argv)
{
	for (size_t i = 0; i < COUNT(calls); i++) {
		const long *a = calls[i].argument;

		if (strcmp(calls[i].name, argv[1]) == 0)
			return syscall(calls[i].call, a[0], a[1], a[2], a[3], a[4]);
	}
	for (size_t i = 0; i < COUNT(ways); i++)
		if (strcmp(ways[i].name, argv[1]) == 0)
			return ways[i].way(argv + 2);
	errno = EINVAL;
	return -1;
}

/* Errors that say no, as opposed to "there is something wrong with your attempt". ENOENT and ESRCH:
 * what is meant is not there, which is how a sandbox hides things. */
static int says_no(int error)
{
	static const int no[] = {EPERM, EACCES, ENOSYS, EROFS, ENOENT, ESRCH, EAFNOSUPPORT,
	    ECONNREFUSED, ENETUNREACH, EXDEV, ENXIO};

	for (size_t i = 0; i < COUNT(no); i++)
		if (error == no[i])
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	long got;

	if (argc < 2)
		return 2;
	got = try_way(argv);
	if (got >= 0) {
		printf("ESCAPED: %s returned %ld\n", argv[1], got);
		return 1;
	}
	if (!says_no(errno)) {
		printf("unclear: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	printf("held: %s: %s\n", argv[1], strerror(errno));
	return 0;
}
