/*
 * Descriptors as ancillary data.
 */
#include "processor/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARKING 256

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(PASS_MAX * sizeof(int))];
};

enum rc pass_send(
    int sock, const void *data, size_t size, const int *fds, size_t n, struct err *err)
{
	union control control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = n ? &control : NULL,
	    .msg_controllen = n ? CMSG_SPACE(n * sizeof(int)) : 0};
	ssize_t sent;

	if (n > PASS_MAX)
		return err_set(err, RC_LIMIT, "too many descriptors");
	control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS,
	    .cmsg_len = CMSG_LEN(n * sizeof(int))};
	if (n)
		memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? err_sys(err, "cannot pass descriptors") : RC_OK;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

ssize_t pass_receive(int sock, void *data, size_t size, int fds[static PASS_MAX], size_t *n)
{
	union control control;
	struct iovec iov = {data, size};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	const struct cmsghdr *head;
	ssize_t got;

	*n = 0;
	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return -1;
	head = CMSG_FIRSTHDR(&msg);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		*n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), *n * sizeof(int));
	}
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	close_all(fds, *n);
	*n = 0;
	return -1;
}

bool pass_place(const int *fds, const int *places, size_t n)
{
	int parked[PASS_MAX];
	bool there = true;
	size_t count = 0;

	/* As a rule the kernel gave the lowest free numbers, which are just these. */
	for (size_t i = 0; i < n; i++)
		there = there && fds[i] == places[i];
	if (there)
		return true;
	while (count < n && (parked[count] = fcntl(fds[count], F_DUPFD_CLOEXEC, PARKING)) >= 0)
		count++;
	close_all(fds, n);
	there = count == n;
	for (size_t i = 0; i < count && there; i++)
		there = dup3(parked[i], places[i], O_CLOEXEC) >= 0;
	close_all(parked, count);
	return there;
}
