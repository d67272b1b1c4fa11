/* What a runner reads: lines, progress, JSON lines, texts made fit; and messages that are not what
 * they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/str.h"
#include "processor/protocol.h"

static struct protocol p;

static void begin(bool items)
{
	memset(&p, 0, sizeof p);
	protocol_init(&p, items);
}

static void out(const char *text)
{
	protocol_stdout(&p, text, strlen(text));
}

static void json(const char *text)
{
	protocol_json(&p, text, strlen(text));
}

static void percent_lines_are_progress(void **state)
{
	static const struct {
		const char *line;
		int percent;
		const char *step;
	} cases[] = {
	    {"10% reading\n", 10, "reading"}, {"  20%\n", 20, ""}, {"0%\n", 0, ""},
	    {"100% done\r", 100, "done"}, {"007% bond\n", 7, "bond"}, {"101% no\n", -1, ""},
	    {"-5% no\n", -1, ""}, {"50%of it\n", -1, ""}, {"50 % of it\n", -1, ""},
	    {"about 50% of it\n", -1, ""}, {"99999999999999999999% x\n", -1, ""},
	    {"30% \033[1mbold\033[0m \xff step\n", 30, "bold ? step"},
	    {"3/4 rows\n", -1, ""}, /* not asked for */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(false);
		out(cases[i].line);
		assert_int_equal(p.progress.percent, cases[i].percent);
		assert_string_equal(p.progress.step, cases[i].step);
		assert_int_equal(p.changed, cases[i].percent >= 0);
	}
}

static void progress_only_moves_forward(void **state)
{
	(void)state;
	begin(false);
	out("40% a\n20% b\n");
	assert_int_equal(p.progress.percent, 40);
	assert_string_equal(p.progress.step, "b");
	p.changed = false;
	out("40% b\n");
	assert_false(p.changed);
	json("{\"progress\":30}\n{\"processed\":5}\n{\"processed\":3,\"rejected\":1}\n{"
	     "\"rejected\":0}\n");
	assert_int_equal(p.progress.percent, 40);
	assert_int_equal(p.progress.processed, 5);
	assert_int_equal(p.progress.rejected, 1);
}

static void lines_arrive_in_pieces(void **state)
{
	(void)state;
	begin(false);
	out("4");
	out("2% ha");
	assert_int_equal(p.progress.percent, -1);
	out("lf\r4");
	assert_int_equal(p.progress.percent, 42);
	assert_string_equal(p.progress.step, "half");
	out("5% more");
	protocol_finish(&p);
	assert_int_equal(p.progress.percent, 45);
	/* the last line of each stream is one without its end as well */
	begin(false);
	out("not said: 3");
	protocol_stderr(&p, "out of flour", 12);
	protocol_json(&p, "{\"processed\":7}", 15);
	protocol_finish(&p);
	assert_string_equal(protocol_result(&p), "not said: 3");
	assert_string_equal(p.last_error, "out of flour");
	assert_int_equal(p.progress.processed, 7);
}

static void items_are_progress_when_asked_for(void **state)
{
	(void)state;
	begin(true);
	out("1/8 rows\n");
	assert_int_equal(p.progress.percent, 12);
	assert_int_equal(p.progress.processed, 1);
	assert_int_equal(p.progress.total, 8);
	assert_string_equal(p.progress.step, "rows");
	out("9/8\n0/0\n8/8\n");
	assert_int_equal(p.progress.percent, 100);
	assert_int_equal(p.progress.processed, 8);
	out("2026/11 is a month\n");
	assert_string_equal(p.last_out, "2026/11 is a month");
}

static void json_lines_speak_for_themselves(void **state)
{
	(void)state;
	begin(false);
	json("{\"progress\":25,\"step\":\"cutting\"}\n");
	assert_int_equal(p.progress.percent, 25);
	assert_string_equal(p.progress.step, "cutting");
	json("{\"processed\":45,\"total\":90,\"rejected\":2}\n");
	assert_int_equal(p.progress.percent, 50);
	json("{\"result\":\"fine\\nthanks\"}\n");
	assert_string_equal(protocol_result(&p), "fine thanks");
	/* none of these may do anything */
	p.changed = false;
	json("[1,2]\n\"text\"\nnonsense\n{\"progress\":\"90\"}\n{\"progress\":-1}\n{\"progress\":"
	     "1e300}\n"
	     "{\"step\":7}\n{\"progress\":60,\"progress\":70}\n{}\n\n{\"processed\":-1,\"total\":-"
	     "1}\n");
	assert_false(p.changed);
}

static void the_result_is_the_last_line(void **state)
{
	(void)state;
	begin(false);
	assert_string_equal(protocol_result(&p), "");
	out("first\nsecond\n\n  \n90% nearly\n");
	assert_string_equal(protocol_result(&p), "second");
	protocol_stderr(&p, "a\nlast words\n\n", 14);
	assert_string_equal(p.last_error, "last words");
}

static void long_lines_are_cut(void **state)
{
	char *text = malloc(100001);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 100000);
	text[100000] = '\0';
	begin(false);
	out(text);
	out("\n12% next\n");
	assert_int_equal(strlen(p.last_out), RESULT_MAX - 1);
	assert_int_equal(p.progress.percent, 12);
	free(text);
}

static void texts_are_made_fit(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *clean;
	} cases[] = {
	    {"plain", 5, "plain"},
	    {"  trimmed  ", 11, "trimmed"},
	    {"tab\there", 8, "tab here"},
	    {"nul\0here", 8, "nul here"},
	    {"\033[31mred\033[0m", 12, "red"},
	    {"\033]0;title\atext", 14, "text"},
	    {"\033", 1, ""},
	    {"\033[", 2, ""},
	    {"caf\xc3\xa9", 5, "caf\xc3\xa9"},
	    {"cut \xc3", 5, "cut ?"},
	    {"\xed\xa0\x80", 3, "???"}, /* a surrogate */
	    {"c1 \xc2\x9b"
	     "31m",
		8, "c1  31m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[64];

		protocol_clean(cases[i].in, cases[i].len, text, sizeof text);
		assert_string_equal(text, cases[i].clean);
		assert_true(str_utf8(text, strlen(text)));
	}
	/* never half a character at the end */
	for (size_t size = 1; size < 16; size++) {
		char text[16];

		protocol_clean("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 9, text, size);
		assert_true(strlen(text) < size && strlen(text) % 3 == 0);
	}
}

/* ---- messages ---- */

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static enum rc receive(struct message *m)
{
	struct err err = {0};
	enum rc rc = message_receive(pair[1], m, &err);

	if (rc == RC_INVALID)
		assert_true(*err.text);
	return rc;
}

static void messages_arrive_as_sent(void **state)
{
	struct message_progress progress = {.percent = 7, .total = 9, .step = "on"};
	static struct message m;

	(void)state;
	assert_int_equal(
	    message_send(pair[0], MESSAGE_PROGRESS, &progress, sizeof progress, NULL), RC_OK);
	assert_int_equal(message_send(pair[0], MESSAGE_ARG, "--flag", 6, NULL), RC_OK);
	assert_int_equal(message_send(pair[0], MESSAGE_START, NULL, 0, NULL), RC_OK);
	assert_int_equal(receive(&m), RC_OK);
	assert_int_equal(m.type, MESSAGE_PROGRESS);
	assert_int_equal(m.u.progress.percent, 7);
	assert_string_equal(m.u.progress.step, "on");
	assert_int_equal(receive(&m), RC_OK);
	assert_string_equal(m.u.text, "--flag");
	assert_int_equal(receive(&m), RC_OK);
	assert_int_equal(m.type, MESSAGE_START);
	assert_int_equal(
	    message_send(pair[0], MESSAGE_ARG, "", MESSAGE_BYTES_MAX + 1, NULL), RC_LIMIT);
	close(pair[0]);
	assert_int_equal(receive(&m), RC_DONE);
	assert_int_equal(message_send(pair[1], MESSAGE_START, NULL, 0, NULL), RC_SYS);
}

static void malformed_messages_are_refused(void **state)
{
	struct message_progress endless;
	static struct message m;

	(void)state;
	memset(&endless, 'x', sizeof endless);
	message_send(pair[0], MESSAGE_PROGRESS, &endless, sizeof endless, NULL);
	assert_int_equal(receive(&m), RC_INVALID);
	message_send(pair[0], MESSAGE_PROGRESS, &endless, sizeof endless - 1, NULL);
	assert_int_equal(receive(&m), RC_INVALID);
	message_send(pair[0], 0, NULL, 0, NULL);
	assert_int_equal(receive(&m), RC_INVALID);
	message_send(pair[0], 4711, NULL, 0, NULL);
	assert_int_equal(receive(&m), RC_INVALID);
	message_send(pair[0], MESSAGE_ARG, "a\0b", 3, NULL);
	assert_int_equal(receive(&m), RC_INVALID);
	assert_int_equal(write(pair[0], "abc", 3), 3);
	assert_int_equal(receive(&m), RC_INVALID);
	uint32_t lies[3] = {MESSAGE_ARG, 400, 0};
	assert_int_equal(write(pair[0], lies, sizeof lies), sizeof lies);
	assert_int_equal(receive(&m), RC_INVALID);
	char *big = calloc(1, MESSAGE_BYTES_MAX + 100);
	assert_true(write(pair[0], big, MESSAGE_BYTES_MAX + 100) > 0);
	free(big);
	assert_int_equal(receive(&m), RC_INVALID);
}

/* As a runner is told: what the socket takes before anybody reads, and the rest to one who does. */
static void many_messages_arrive_in_order(void **state)
{
	enum { MANY = 200, SIZE = 8000 };
	static char bodies[MANY][SIZE];
	struct message_part parts[MANY];
	static struct message m;
	size_t sent = 0;
	pid_t pid;
	int status;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		memset(bodies[i], 'a' + i % 26, SIZE);
		parts[i] = (struct message_part){MESSAGE_ARG, bodies[i], (size_t)(SIZE - i)};
	}
	assert_int_equal(message_send_many(pair[0], parts, MANY, &sent, false, NULL), RC_OK);
	assert_true(sent > 1 && sent < MANY);
	pid = fork();
	if (pid == 0)
		_exit(message_send_many(pair[0], parts, MANY, &sent, true, NULL) || sent != MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(receive(&m), RC_OK);
		assert_int_equal(m.size, SIZE - i);
		assert_memory_equal(m.u.text, bodies[i], m.size);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	parts[1].size = MESSAGE_BYTES_MAX + 1;
	sent = 0;
	assert_int_equal(message_send_many(pair[0], parts, 2, &sent, true, NULL), RC_LIMIT);
	assert_int_equal(sent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(percent_lines_are_progress),
	    cmocka_unit_test(progress_only_moves_forward),
	    cmocka_unit_test(lines_arrive_in_pieces),
	    cmocka_unit_test(items_are_progress_when_asked_for),
	    cmocka_unit_test(json_lines_speak_for_themselves),
	    cmocka_unit_test(the_result_is_the_last_line),
	    cmocka_unit_test(long_lines_are_cut),
	    cmocka_unit_test(texts_are_made_fit),
	    cmocka_unit_test_setup_teardown(messages_arrive_as_sent, open_pair, close_pair),
	    cmocka_unit_test_setup_teardown(many_messages_arrive_in_order, open_pair, close_pair),
	    cmocka_unit_test_setup_teardown(malformed_messages_are_refused, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
