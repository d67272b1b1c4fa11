/*
 * Messages: one table says what each type's body must look like; sending and receiving follow it.
 */
#include "processor/message.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define TEXT(type, field)                                                       \
	{                                                                       \
		offsetof(struct type, field), sizeof(((struct type *)0)->field) \
	}

/* fixed: the exact size of the body; 0: bytes of any length up to the bound, text if `text`. Each
 * char array of a fixed body is listed and must hold a NUL. */
static const struct rule {
	bool known, text;
	size_t fixed;
	struct {
		size_t offset, size;
	} texts[4];
} rules[MESSAGE_TYPE_MAX] = {
    [MESSAGE_SPEC] = {true, false, sizeof(struct message_spec),
	{TEXT(message_spec, job), TEXT(message_spec, cgroup), TEXT(message_spec, work)}},
    [MESSAGE_ARG] = {true, true, 0, {}},
    [MESSAGE_ENV] = {true, true, 0, {}},
    [MESSAGE_BIND] = {true, false, sizeof(struct message_bind),
	{TEXT(message_bind, source), TEXT(message_bind, dest), TEXT(message_bind, sha256)}},
    [MESSAGE_FILTER] = {true, false, 0, {}},
    [MESSAGE_SECRET] = {true, true, 0, {}},
    [MESSAGE_START] = {true, false, 0, {}},
    [MESSAGE_STOP] = {true, false, sizeof(struct message_stop), {}},
    [MESSAGE_FREEZE] = {true, false, 0, {}},
    [MESSAGE_THAW] = {true, false, 0, {}},
    [MESSAGE_STARTED] = {true, false, 0, {}},
    [MESSAGE_PROGRESS] = {true, false, sizeof(struct message_progress),
	{TEXT(message_progress, step)}},
    [MESSAGE_INPUT] = {true, false, sizeof(struct message_input), {TEXT(message_input, sha256)}},
    [MESSAGE_OUTPUT] = {true, false, sizeof(struct message_output),
	{TEXT(message_output, sha256), TEXT(message_output, content_type),
	    TEXT(message_output, name)}},
    [MESSAGE_END] = {true, false, sizeof(struct message_end),
	{TEXT(message_end, last_error), TEXT(message_end, result)}},
};

enum rc message_send(int fd, enum message_type type, const void *body, size_t size, struct err *err)
{
	uint32_t head[2] = {type, (uint32_t)size};
	struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)body, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = size ? 2 : 1};
	ssize_t n;

	if (size > MESSAGE_BYTES_MAX)
		return err_set(err, RC_LIMIT, "message of %zu bytes is too long", size);
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(err, "cannot send message %d", (int)type) : RC_OK;
}

/* Put up to MANY messages into headers for one call. */
#define MANY 32

static unsigned gather(struct mmsghdr *msgs, struct iovec (*iov)[2], uint32_t (*heads)[2],
    const struct message_part *list, size_t n)
{
	unsigned count = n < MANY ? (unsigned)n : MANY;

	for (unsigned i = 0; i < count; i++) {
		const struct message_part *part = &list[i];

		heads[i][0] = part->type;
		heads[i][1] = (uint32_t)part->size;
		iov[i][0] = (struct iovec){heads[i], sizeof heads[i]};
		iov[i][1] = (struct iovec){(void *)(uintptr_t)part->body, part->size};
		msgs[i] = (struct mmsghdr){
		    .msg_hdr = {.msg_iov = iov[i], .msg_iovlen = part->size ? 2 : 1}};
	}
	return count;
}

enum rc message_send_many(int fd, const struct message_part *list, size_t n, size_t *sent,
    bool wait, struct err *err)
{
	struct mmsghdr msgs[MANY];
	struct iovec iov[MANY][2];
	uint32_t heads[MANY][2];

	for (size_t i = *sent; i < n; i++)
		if (list[i].size > MESSAGE_BYTES_MAX)
			return err_set(
			    err, RC_LIMIT, "message of %zu bytes is too long", list[i].size);
	while (*sent < n) {
		unsigned count = gather(msgs, iov, heads, list + *sent, n - *sent);
		int got = sendmmsg(fd, msgs, count, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && !wait && (errno == EAGAIN || errno == EWOULDBLOCK))
			return RC_OK;
		if (got < 0)
			return err_sys(err, "cannot send message %d", (int)list[*sent].type);
		*sent += (size_t)got;
	}
	return RC_OK;
}

enum rc message_check(struct message *m, struct err *err)
{
	const struct rule *rule = m->type < MESSAGE_TYPE_MAX ? &rules[m->type] : &rules[0];

	if (!rule->known)
		return err_set(err, RC_INVALID, "unknown message type %u", m->type);
	if (m->size > MESSAGE_BYTES_MAX || (rule->fixed && m->size != rule->fixed))
		return err_set(err, RC_INVALID, "message %u has %u bytes", m->type, m->size);
	if (!rule->fixed)
		m->u.text[m->size] = '\0';
	if (rule->text && memchr(m->u.text, '\0', m->size))
		return err_set(err, RC_INVALID, "message %u holds a NUL", m->type);
	for (size_t i = 0; i < 4 && rule->texts[i].size; i++)
		if (!memchr(m->u.text + rule->texts[i].offset, '\0', rule->texts[i].size))
			return err_set(err, RC_INVALID, "message %u has an endless text", m->type);
	return RC_OK;
}

enum rc message_receive(int fd, struct message *m, struct err *err)
{
	uint32_t head[2];
	struct iovec iov[2] = {{head, sizeof head}, {m->u.text, MESSAGE_BYTES_MAX}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return RC_DONE;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return RC_BUSY;
	if (n < 0)
		return err_sys(err, "cannot receive a message");
	if ((size_t)n < sizeof head || (msg.msg_flags & MSG_TRUNC) ||
	    (size_t)n - sizeof head != head[1])
		return err_set(err, RC_INVALID, "message of %zd bytes is cut short", n);
	m->type = head[0];
	m->size = head[1];
	return message_check(m, err);
}
