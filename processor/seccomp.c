/*
 * Building the filter with libseccomp.
 */
#include "processor/seccomp.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/falloc.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Refused whatever their arguments are. Names that this kernel or library does not know are passed
 * over. */
const char *const seccomp_refused[] = {
    /* mounts and namespaces */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    /* other processes, handles to anything */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "pidfd_getfd",
    "process_madvise",
    "open_by_handle_at",
    "name_to_handle_at",
    /* keys, tracing, faults */
    "keyctl",
    "add_key",
    "request_key",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "fanotify_init",
    "lookup_dcookie",
    "syslog",
    "vmsplice",
    /* asynchronous calls that no filter sees */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    /* the machine */
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "get_kernel_syms",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "settimeofday",
    "stime",
    "clock_settime",
    "adjtimex",
    "clock_adjtime",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vhangup",
    "vm86",
    "vm86old",
    "nfsservctl",
    "uselib",
    "_sysctl",
    "sysfs",
    "ustat",
    "mbind",
    "migrate_pages",
    "move_pages",
    "set_mempolicy",
    NULL,
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static const int namespaces[] = {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET,
    CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};

#define REFUSE SCMP_ACT_ERRNO(EPERM)

static int refuse_by_name(scmp_filter_ctx ctx)
{
	for (size_t i = 0; seccomp_refused[i]; i++) {
		int nr = seccomp_syscall_resolve_name(seccomp_refused[i]);
		int rc = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, REFUSE, nr, 0);

		/* A call that exists on another architecture only. */
		if (rc < 0 && rc != -EDOM && nr >= 0)
			return rc;
	}
	return 0;
}

/* Arguments are 64 bits wide, the kernel looks at 32: compare those only (CVE-2019-10063). */
static int refuse_by_argument(scmp_filter_ctx ctx)
{
	static const unsigned long ioctls[] = {TIOCSTI, TIOCLINUX, TIOCSETD};
	const scmp_datum_t low = 0xffffffff;
	int rc = 0;

	for (size_t i = 0; i < COUNT(ioctls) && !rc; i++)
		rc = seccomp_rule_add(
		    ctx, REFUSE, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, low, ioctls[i]));
	for (size_t i = 0; i < COUNT(namespaces) && !rc; i++)
		rc = seccomp_rule_add(ctx, REFUSE, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, (scmp_datum_t)namespaces[i],
			(scmp_datum_t)namespaces[i]));
	/* Its flags lie in memory, where a filter cannot look; libc falls back to clone. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* A whole disk could be taken between two looks at the output. Without it libc and programs
	 * write what they want to have, which takes its time; making holes is fine. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(fallocate), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, FALLOC_FL_PUNCH_HOLE, 0));
	return rc;
}

/* Every family up to the last known one but those listed, and everything above. */
static int refuse_families(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (int family = 0; family < AF_MAX && !rc; family++) {
		bool allowed = false;

		for (size_t i = 0; i < COUNT(families); i++)
			allowed = allowed || families[i] == family;
		if (!allowed)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
			    1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)family));
	}
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_GE, AF_MAX));
	return rc;
}

static int export(scmp_filter_ctx ctx, struct buf *out)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), rc;
	ssize_t n;

	if (fd < 0)
		return -errno;
	rc = seccomp_export_bpf(ctx, fd);
	if (!rc && lseek(fd, 0, SEEK_SET) < 0)
		rc = -errno;
	while (!rc && (n = read(fd, buf_reserve(out, 4096), 4096)) != 0) {
		if (n < 0)
			rc = -errno;
		else
			out->len += (size_t)n;
	}
	close(fd);
	return rc;
}

enum rc seccomp_program(struct buf *out, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = ctx ? 0 : -ENOMEM;

	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = refuse_by_name(ctx);
	if (!rc)
		rc = refuse_by_argument(ctx);
	if (!rc)
		rc = refuse_families(ctx);
	if (!rc)
		rc = export(ctx, out);
	if (ctx)
		seccomp_release(ctx);
	if (!rc)
		return RC_OK;
	errno = -rc;
	return err_sys(err, "cannot build the seccomp filter");
}
