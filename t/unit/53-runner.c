/* The runner, without a supervisor or a database: this program plays the one and is the other when
 * it is started under the runner's name. The sandbox is real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "t/unit/runner_fixture.h"

static void reports_progress_result_and_outputs(void **state)
{
	struct run *r = new_run();

	(void)state;
	run_script(r, "echo '10% warming up'; cat \"$DROPMILL_INPUT\" > /job/out/copy.txt;"
		      "mkdir -p /job/out/sub; printf 12345 > /job/out/sub/b.bin;"
		      "sleep 0.4; echo '{\"processed\":45,\"total\":100,\"rejected\":2}' >&3;"
		      "echo '5% back'; echo '60% nearly'; echo the result; echo oops >&2");
	assert_true(r->started);
	assert_int_equal(r->end.cause, RUN_EXIT);
	assert_int_equal(r->end.exit_code, 0);
	assert_int_equal(r->progress.percent, 60);
	assert_string_equal(r->progress.step, "nearly");
	assert_int_equal(r->progress.processed, 45);
	assert_int_equal(r->progress.total, 100);
	assert_int_equal(r->progress.rejected, 2);
	assert_string_equal(r->end.result, "the result");
	assert_string_equal(r->end.last_error, "oops");
	assert_int_equal(r->output_count, 2);
	assert_string_equal(r->outputs[0].name, "copy.txt");
	assert_int_equal(r->outputs[0].size_bytes, 6);
	assert_string_equal(r->outputs[0].sha256,
	    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
	assert_string_equal(r->outputs[0].content_type, "text/plain");
	assert_string_equal(r->outputs[1].name, "sub/b.bin");
	assert_non_null(strstr(r->log, "10% warming up\n"));
	assert_non_null(strstr(r->log, "oops\n"));
	assert_true(r->end.cpu_ms >= 0 && r->end.peak_bytes > 0);
	assert_int_equal(r->end.log_bytes, (int64_t)strlen(r->log));
	free(r);
}

static void secrets_are_masked_wherever_they_are_said(void **state)
{
	static const char *const secrets[] = {"hunter22", "pass\"word", "key one\nkey two", NULL};
	struct run *r = new_run();

	(void)state;
	r->secrets = secrets;
	run_script(r, "echo '10% logging in with hunter22'; printf hunt; sleep 0.1; echo er22;"
		      "printf 'key one\nkey two\n' >&2; printf 'wrong: pass\"wor' >&2;"
		      "printf '{\"step\":\"as pass\\\\\"word\",\"result\":\"hunter22hunter22 at "
		      "home\"}\n' >&3;"
		      "sleep 0.4; printf 'd' >&2; exit 1");
	assert_string_equal(r->progress.step, "as •••");
	assert_string_equal(r->end.result, "••• at home");
	assert_string_equal(r->end.last_error, "wrong: •••");
	assert_string_equal(r->log, "10% logging in with •••\n•••\n•••\n•••\nwrong: •••");
	assert_int_equal(r->end.log_bytes, (int64_t)strlen(r->log));
	free(r);
	/* what might have become one at the end of a stream is not lost */
	static const char *const one[] = {"hunter22", NULL};

	r = new_run();
	r->secrets = one;
	run_script(r, "printf 'they hunt'; printf 'at hunter2' >&2; exit 1");
	assert_string_equal(r->end.result, "they hunt");
	assert_string_equal(r->end.last_error, "at hunter2");
	assert_int_equal(r->end.log_bytes, 19);
	assert_int_equal(strlen(r->log), 19); /* the one in the middle of the other */
	free(r);
	/* too many to look for: it does not run unmasked */
	char *text = malloc(30001);
	const char *many[] = {text, text, text, text, text, text, text, text, text, text, NULL};

	memset(text, 'x', 30000);
	text[30000] = '\0';
	r = new_run();
	r->secrets = many;
	run_script(r, "echo said");
	assert_int_equal(r->end.cause, RUN_FAULT);
	assert_string_equal(r->log, "");
	free(r);
	free(text);
}

static void exit_codes_come_through(void **state)
{
	static const struct {
		const char *script;
		int code;
	} cases[] = {{"exit 1", 1}, {"exit 75", 75}, {"exit 65", 65}, {"kill -9 $$", 137},
	    {"kill -11 $$", 139}, {"/nonexistent", 127}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run *r = new_run();

		run_script(r, cases[i].script);
		assert_int_equal(r->end.cause, RUN_EXIT);
		assert_int_equal(r->end.exit_code, cases[i].code);
		free(r);
	}
}

static void the_sandbox_holds(void **state)
{
	(void)state;
	expect_ok("test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 4 ' || { ls -l "
		  "/proc/self/fd; exit 1; }");
	expect_ok("! cat /etc/shadow 2>/dev/null && test \"$(id -un)\" = job");
	expect_ok("for f in / /usr /etc /job /job/in /dev /proc /bin; do"
		  " ! touch $f/x 2>/dev/null || { echo $f; exit 1; }; done");
	expect_ok("! sh -c 'echo x > \"$DROPMILL_INPUT\"' 2>/dev/null");
	expect_ok("touch /tmp/x /dev/shm/x /job/out/x");
	expect_ok(
	    "for f in /proc/sys/kernel/hostname /proc/sys/vm/swappiness /proc/sysrq-trigger; do"
	    " ! sh -c \"echo 1 > $f\" 2>/dev/null || exit 1; done");
	expect_ok("grep -q '^Seccomp:.2' /proc/self/status && grep -q '^NoNewPrivs:.1' "
		  "/proc/self/status &&"
		  " grep -q '^CapEff:.0000000000000000' /proc/self/status &&"
		  " grep -q '^CapBnd:.0000000000000000' /proc/self/status");
	expect_ok("! unshare -U true 2>/dev/null && ! unshare -m true 2>/dev/null");
	expect_ok("! mount -t tmpfs none /tmp 2>/dev/null");
	expect_ok("test \"$(ls / | tr '\\n' ' ' | tr -d 0-9)\" != '' && ! test -e /root && ! test "
		  "-e /home &&"
		  " ! test -e /var && ! test -e /run && ! test -e /sys");
	expect_ok("test $(ls /proc | grep -c '^[0-9]') -lt 8");
	expect_ok("test \"$(tail -n +3 /proc/net/dev | wc -l)\" = 1");
	expect_ok("! perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or exit 1;"
		  " connect(S, sockaddr_in(80, inet_aton(\"127.0.0.1\"))) or exit 1'");
	/* vsock is not part of a network namespace */
	expect_ok("perl -e 'exit(socket(S, 40, 1, 0) ? 1 : 0)'");
	expect_ok("perl -e 'my $c = \"x\"; ioctl(STDIN, 0x5412, $c); exit($!{EPERM} ? 0 : 1)'");
	expect_ok("awk 'BEGIN { exit 0 }'"); /* through /etc/alternatives */
	/* nothing but what was given */
	expect_ok("test \"$(env | cut -d= -f1 | sort | tr '\\n' ' ')\" = 'DROPMILL_INPUT LANG OWN "
		  "PATH PWD '"
		  " || { env; exit 1; }");
}

static void the_network_is_there_when_allowed(void **state)
{
	struct run *r = new_run();
	struct stat ours;
	char text[64];

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	r->spec.network = 1;
	run_script(r, "readlink /proc/self/ns/net; test -e /etc/passwd && ! test -e /etc/shadow");
	snprintf(text, sizeof text, "net:[%llu]", (unsigned long long)ours.st_ino);
	assert_string_equal(r->end.result, text);
	assert_int_equal(r->end.exit_code, 0);
	free(r);
	r = new_run();
	run_script(r, "readlink /proc/self/ns/net");
	assert_string_not_equal(r->end.result, text);
	free(r);
}

static void outputs_are_regular_files_only(void **state)
{
	struct run *r = new_run();

	(void)state;
	run_script(r,
	    "cd /job/out; ln -s /etc/passwd link; mkfifo fifo; echo x > two; ln two names;"
	    "mkdir d; ln -s / d/root; echo ok > d/good; echo ok > 'with space & \"quotes\".txt';"
	    "echo bad > \"$(printf 'new\\nline')\"; echo bad > \"$(printf 'inv\\377alid')\";"
	    "perl -e 'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0);"
	    " bind(S, sockaddr_un(\"/job/out/sock\"))'; mkdir locked; echo x > locked/f; chmod 0 "
	    "locked");
	assert_int_equal(r->end.cause, RUN_EXIT);
	assert_int_equal(r->end.exit_code, 0);
	assert_int_equal(r->output_count, 3);
	assert_string_equal(r->outputs[0].name, "d/good");
	assert_string_equal(r->outputs[1].name, "locked/f");
	assert_string_equal(r->outputs[2].name, "with space & \"quotes\".txt");
	assert_non_null(strstr(r->log, "\"link\" is a link"));
	assert_non_null(strstr(r->log, "\"fifo\" is a fifo"));
	assert_non_null(strstr(r->log, "\"sock\" is a socket"));
	assert_non_null(strstr(r->log, "more than one name"));
	free(r);
}

static void a_time_limit_ends_it(void **state)
{
	struct run *r = new_run();

	(void)state;
	r->spec.timeout_ms = 500;
	run_script(r, "trap 'echo got it; exit 0' TERM; while :; do sleep 0.05; done");
	assert_int_equal(r->end.cause, RUN_TIMEOUT);
	assert_non_null(strstr(r->log, "got it"));
	assert_in_range(r->ms, 500, 3000);
	free(r);
}

static void stop_ends_a_command_that_ignores_it_and_its_children(void **state)
{
	struct run *r = new_run();
	struct message_stop stop = {800};
	int64_t asked;

	(void)state;
	begin(r, "trap '' TERM; setsid sleep 7731.$OWN & (setsid sh -c 'trap \"\" TERM; sleep "
		 "7732.$OWN; :' &);"
		 "echo '1% running'; sleep 7733.$OWN; sleep 7734.$OWN");
	while (!r->progress.step[0])
		assert_true(step(r, 5000));
	usleep(100000);
	assert_true(processes_with("7731.") > 0);
	asked = clock_boot_ms();
	assert_int_equal(message_send(r->sock, MESSAGE_STOP, &stop, sizeof stop, NULL), RC_OK);
	finish(r);
	assert_true(r->ended);
	assert_int_equal(r->end.cause, RUN_STOPPED);
	assert_in_range(clock_boot_ms() - asked, 0, 2500);
	for (int i = 1; i < 5; i++) {
		char mark[16];

		snprintf(mark, sizeof mark, "773%d.", i);
		assert_int_equal(processes_with(mark), 0);
	}
	free(r);
}

static void children_left_behind_end_with_the_command(void **state)
{
	struct run *r = new_run();

	(void)state;
	run_script(r, "setsid sleep 7841.$OWN & sleep 7842.$OWN & exit 0");
	assert_int_equal(r->end.cause, RUN_EXIT);
	assert_in_range(r->ms, 0, 3000);
	assert_int_equal(processes_with("7841.") + processes_with("7842."), 0);
	free(r);
}

static void a_killed_runner_leaves_no_process(void **state)
{
	struct run *r = new_run();

	(void)state;
	begin(r, "echo '1% running'; setsid sleep 7951.$OWN & sleep 7952.$OWN");
	while (!r->progress.step[0])
		assert_true(step(r, 5000));
	kill(r->pid, SIGKILL);
	finish(r);
	assert_false(r->ended);
	settle(r);
	assert_int_equal(processes_with("7951.") + processes_with("7952."), 0);
	free(r);
}

static void a_lost_supervisor_ends_it(void **state)
{
	struct run *r = new_run();
	int status;

	(void)state;
	begin(r, "echo '1% running'; sleep 8061.$OWN");
	while (!r->progress.step[0])
		assert_true(step(r, 5000));
	close(r->sock);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	close(r->lock);
	settle(r);
	assert_int_equal(processes_with("8061."), 0);
	free(r);
}

static void too_much_output_ends_it(void **state)
{
	struct run *r = new_run();

	(void)state;
	run_script(r, "i=0; while :; do head -c 1000000 /dev/zero > /job/out/$i; i=$((i+1)); sleep "
		      "0.02; done");
	assert_int_equal(r->end.cause, RUN_OUTPUT);
	free(r);
	r = new_run();
	run_script(r, "exec head -c 100000000 /dev/zero > /job/out/big");
	assert_int_equal(r->end.cause, RUN_OUTPUT);
	free(r);
}

static void output_cannot_be_hidden(void **state)
{
	struct run *r = new_run();

	(void)state;
	run_script(r,
	    "cd /job/out; i=0; while :; do mkdir d$i && head -c 1000000 /dev/zero > d$i/f &&"
	    " chmod 0 d$i; i=$((i+1)); sleep 0.02; done");
	assert_int_equal(r->end.cause, RUN_OUTPUT);
	free(r);
}

static void too_much_memory_ends_it(void **state)
{
	struct run *r = new_run();

	(void)state;
	/* Each process stays below RLIMIT_DATA; together they do not. */
	run_script(
	    r, "for i in 1 2 3 4; do perl -e '$x = \"x\" x 60000000; sleep 20' & done; wait");
	assert_int_equal(r->end.cause, RUN_MEMORY);
	free(r);
}

static void a_fork_bomb_stays_inside(void **state)
{
	struct run *r = new_run();

	(void)state;
	r->spec.timeout_ms = 1500;
	run_script(r, "b() { b | b & }; b; sleep 8171.$OWN");
	assert_true(r->ended);
	assert_in_range(r->ms, 0, 12000);
	assert_int_equal(processes_with("8171."), 0);
	free(r);
}

static void the_log_is_bounded(void **state)
{
	struct run *r = new_run();
	struct stat st;
	char path[200];

	(void)state;
	r->spec.log_max_bytes = 60000;
	run_script(r, "echo first line; yes | head -c 30000000; echo last line");
	assert_int_equal(r->end.cause, RUN_EXIT);
	snprintf(path, sizeof path, "%s/log", r->path);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 50000, 60000);
	assert_int_equal(r->end.log_bytes, 30000000 + 11 + 10);
	assert_int_equal(strncmp(r->log, "first line\n", 11), 0);
	assert_non_null(strstr(r->log, "bytes left out here"));
	assert_non_null(strstr(r->log, "y\nlast line\n\n[dropmill] 30000021 bytes in all"));
	free(r);
}

static void a_sandbox_that_fails_is_a_fault(void **state)
{
	char group[] = "/tmp/dm-group-XXXXXX", door[64];
	struct run *r = new_run();

	(void)state;
	buf_add(&filter, "rubbish!", 8); /* no valid program any more */
	run_script(r, "echo never");
	filter.len -= 8;
	/* bubblewrap only notices when the command is about to start */
	assert_int_equal(r->end.cause == RUN_FAULT || r->end.exit_code != 0, 1);
	assert_null(strstr(r->log, "never"));
	free(r);
	r = new_run();
	/* one that takes nobody in */
	assert_non_null(mkdtemp(group));
	snprintf(door, sizeof door, "%s/cgroup.procs", group);
	assert_int_equal(symlink("/dev/full", door), 0);
	snprintf(r->spec.cgroup, sizeof r->spec.cgroup, "%s", group);
	run_script(r, "echo never");
	unlink(door);
	rmdir(group);
	assert_int_equal(r->end.cause, RUN_FAULT);
	assert_non_null(strstr(r->end.last_error, "cannot enter the cgroup of a job"));
	assert_null(strstr(r->log, "never"));
	free(r);
}

static void without_a_sandbox_it_works_too(void **state)
{
	struct run *r = new_run();

	(void)state;
	r->spec.sandbox = 0;
	begin(r, "echo '50% half'; echo x > out/file || exit 1; setsid sleep 8281.$OWN & exit 3");
	finish(r);
	assert_true(r->ended);
	assert_int_equal(r->end.cause, RUN_EXIT);
	if (r->end.exit_code != 3)
		fail_msg("exit code %d: %s", r->end.exit_code, r->log);
	assert_int_equal(processes_with("8281."), 0);
	free(r);
}

static void start_is_quick(void **state)
{
	int64_t best = INT64_MAX;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct run *r = new_run();

		run_script(r, "exit 0");
		best = r->ms < best ? r->ms : best;
		free(r);
	}
	print_message("# best of ten: %d ms\n", (int)best);
	assert_true(best < 2000);
}

static void a_nursery_forks_runners_and_is_replaced(void **state)
{
	(void)state;
	use_nursery = true;
	for (int i = 0; i < 4; i++) {
		struct run *r = new_run();

		if (i == 2)
			kill(nursery.pid, SIGKILL);
		run_script(r, "ls /proc/self/fd | tr '\\n' ' '; exit 7");
		assert_int_equal(r->end.exit_code, 7);
		assert_string_equal(r->end.result, "0 1 2 3 4");
		free(r);
	}
	use_nursery = false;
	nursery_close(&nursery);
}

static int set_up(void **state)
{
	struct err err;

	(void)state;
	buf_init(&filter);
	strcpy(top, "/tmp/dropmill-runner-XXXXXX");
	return mkdtemp(top) && seccomp_program(&filter, &err) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[160];

	(void)state;
	buf_release(&filter);
	snprintf(command, sizeof command, "chmod -R u+rwX %s; rm -rf %s", top, top);
	return system(command);
}

int main(int argc, char **argv)
{
	sniff_child(argc, argv);
	if (argc == 1 && strcmp(argv[0], RUNNER_ARGV0) == 0)
		return runner_main();
	if (argc == 1 && strcmp(argv[0], NURSERY_ARGV0) == 0)
		return nursery_main();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reports_progress_result_and_outputs),
	    cmocka_unit_test(secrets_are_masked_wherever_they_are_said),
	    cmocka_unit_test(exit_codes_come_through),
	    cmocka_unit_test(the_sandbox_holds),
	    cmocka_unit_test(the_network_is_there_when_allowed),
	    cmocka_unit_test(outputs_are_regular_files_only),
	    cmocka_unit_test(a_time_limit_ends_it),
	    cmocka_unit_test(stop_ends_a_command_that_ignores_it_and_its_children),
	    cmocka_unit_test(children_left_behind_end_with_the_command),
	    cmocka_unit_test(a_killed_runner_leaves_no_process),
	    cmocka_unit_test(a_lost_supervisor_ends_it),
	    cmocka_unit_test(too_much_output_ends_it),
	    cmocka_unit_test(output_cannot_be_hidden),
	    cmocka_unit_test(too_much_memory_ends_it),
	    cmocka_unit_test(a_fork_bomb_stays_inside),
	    cmocka_unit_test(the_log_is_bounded),
	    cmocka_unit_test(a_sandbox_that_fails_is_a_fault),
	    cmocka_unit_test(without_a_sandbox_it_works_too),
	    cmocka_unit_test(a_nursery_forks_runners_and_is_replaced),
	    cmocka_unit_test(start_is_quick),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
