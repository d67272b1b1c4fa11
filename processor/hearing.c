/*
 * Passing on what a command says.
 */
#include "processor/hearing.h"

enum rc hearing_open(struct hearing *h, struct joblog *log, struct protocol *protocol,
    const char *const *secrets, size_t n, struct err *err)
{
	enum rc rc;

	*h = (struct hearing){.log = log, .protocol = protocol};
	buf_init(&h->clean);
	rc = mask_new(secrets, n, &h->mask, err);
	protocol->mask = h->mask;
	for (int i = 0; h->mask && i < HEARING_JSON; i++)
		mask_stream_init(&h->streams[i], h->mask);
	return rc;
}

void hearing_close(struct hearing *h)
{
	for (int i = 0; i < HEARING_JSON; i++)
		mask_stream_release(&h->streams[i]);
	buf_release(&h->clean);
	h->protocol->mask = NULL;
	mask_free(h->mask);
	h->mask = NULL;
}

static void pass(struct hearing *h, enum hearing_from from, const char *data, size_t len)
{
	joblog_write(h->log, data, len);
	if (from == HEARING_STDOUT)
		protocol_stdout(h->protocol, data, len);
	else
		protocol_stderr(h->protocol, data, len);
}

void hearing_take(struct hearing *h, enum hearing_from from, const char *data, size_t len)
{
	if (from == HEARING_JSON) {
		/* Not in the log; a secret may be escaped in it, so its texts are masked. */
		protocol_json(h->protocol, data, len);
	} else if (!h->mask) {
		pass(h, from, data, len);
	} else {
		buf_clear(&h->clean);
		mask_feed(&h->streams[from], data, len, &h->clean);
		pass(h, from, h->clean.data, h->clean.len);
	}
}

void hearing_end(struct hearing *h, enum hearing_from from)
{
	if (from == HEARING_JSON || !h->mask)
		return;
	buf_clear(&h->clean);
	mask_finish(&h->streams[from], &h->clean);
	pass(h, from, h->clean.data, h->clean.len);
}
