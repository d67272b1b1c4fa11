/* Job types: the files, what they accept, the argv of a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/jobtype.h"
#include "t/unit/arena_fixture.h"

#define HEAD "[job t]\ntitle = T\naccept = *\n"

static enum rc parse(struct jobtypes *types, const char *text, struct err *err)
{
	*err = (struct err){0};
	return jobtype_parse(types, "x.conf", text, strlen(text), &arena, err);
}

/* The one type of a text that must be right. */
static struct jobtype one(const char *text)
{
	struct jobtypes types = {0};
	struct err err;

	if (parse(&types, text, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(types.n, 1);
	return types.list[0];
}

static const char *join(const char *const *list)
{
	char *s = arena_strdup(&arena, "");

	for (; *list; list++)
		s = arena_printf(&arena, "%s%s|", s, *list);
	return s;
}

static void by_hand(void **state)
{
	struct jobtype t = one(HEAD "manual = yes\n"), again;
	struct config cfg = {.tools_dir = "/nowhere", .scripts_dir = "/nowhere"};
	struct buf text;
	struct err err;

	(void)state;
	assert_true(t.manual);
	assert_null(t.command[0]);
	assert_null(jobtype_missing(&cfg, &t, &arena));
	buf_init(&text);
	view_json(jobtype_view(&t, &arena), &text);
	assert_int_equal(jobtype_from_json(text.data, text.len, &arena, &again, &err), RC_OK);
	assert_true(again.manual);
	assert_false(one(HEAD "command = true\n").manual);
	buf_release(&text);
}

static void every_key(void **state)
{
	struct jobtype t = one(
	    "# comment\n[job thumb-nail_2]\n"
	    "title       = Thumbnails\n"
	    "description = Small \"pictures\" # all of them\n"
	    "accept      = image/png image/* .heic\n"
	    "command     = /usr/bin/convert {input} -thumbnail '200x200>' {output}/{stem}.png\n"
	    "timeout     = 2m\nmemory = 512M\noutput_max = 200M\nattempts = 4\nconcurrency = 2\n"
	    "network     = yes\nrequires = convert identify\nread = /opt/icc '/opt/two words'\n"
	    "keep        = 30d\ndefault = yes\nprogress = items\nretry_on = lost memory\n");

	(void)state;
	assert_string_equal(t.name, "thumb-nail_2");
	assert_string_equal(t.title, "Thumbnails");
	assert_string_equal(t.description, "Small \"pictures\" # all of them");
	assert_string_equal(t.file, "x.conf");
	assert_string_equal(join(t.accept), "image/png|image/*|.heic|");
	assert_string_equal(
	    join(t.command), "/usr/bin/convert|{input}|-thumbnail|200x200>|{output}/{stem}.png|");
	assert_int_equal(t.timeout_ms, 120000);
	assert_int_equal(t.memory_bytes, 512 << 20);
	assert_int_equal(t.output_max_bytes, 200 << 20);
	assert_int_equal(t.attempts, 4);
	assert_int_equal(t.concurrency, 2);
	assert_true(t.network && t.by_default);
	assert_string_equal(join(t.requires), "convert|identify|");
	assert_string_equal(join(t.read), "/opt/icc|/opt/two words|");
	assert_true(t.keep_ms == INT64_C(30) * 86400 * 1000);
	assert_int_equal(t.progress, JOBTYPE_PROGRESS_ITEMS);
	assert_int_equal(t.retry_on, RETRY_LOST | RETRY_MEMORY);
}

static void defaults(void **state)
{
	struct jobtype t = one(HEAD "command = true\n");

	(void)state;
	assert_int_equal(t.retry_on, RETRY_TEMPFAIL | RETRY_LOST);
	assert_int_equal(t.attempts, 3);
	assert_int_equal(t.concurrency, 0);
	assert_false(t.network || t.by_default || t.available);
	assert_int_equal(t.progress, JOBTYPE_PROGRESS_PERCENT);
	assert_string_equal(t.description, "");
	assert_null(t.requires[0]);
	assert_null(t.read[0]);
	assert_true(t.timeout_ms > 0 && t.memory_bytes > 0 && t.output_max_bytes > 0);
	assert_int_equal(one(HEAD "command = true\nretry_on = none\n").retry_on, 0);
}

static void errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "x.conf:1: no section [job NAME]"},
	    {"title = x\n", "x.conf:1: \"title\" stands before"},
	    {"[type t]\n", "x.conf:1: expected a section [job NAME], not [type t]"},
	    {"[job]\n", "expected a section"},
	    {"[job A]\n", "bad name \"A\""},
	    {"[job -a]\n", "bad name \"-a\""},
	    {"[job a b]\n", "bad name \"a b\""},
	    {"[job ../x]\n", "bad name"},
	    {"[job t]\naccept = *\ncommand = true\n", "x.conf:1: [job t] has no title"},
	    {"[job t]\ntitle = T\ncommand = true\n", "[job t] has no accept"},
	    {"\n[job t]\ntitle = T\naccept = *\n", "x.conf:2: [job t] has no command"},
	    {HEAD "manual = no\n", "x.conf:1: [job t] has no command"},
	    {HEAD "manual = maybe\n", "x.conf:4: bad value \"maybe\" for manual"},
	    {HEAD "manual = yes\ncommand = true\n",
		"x.conf:1: [job t] has a command and manual = yes: nobody would run it"},
	    {HEAD "manual = yes\ndefault = yes\n",
		"x.conf:1: [job t] cannot be default and manual"},
	    {HEAD "comand = true\n", "x.conf:4: unknown key \"comand\" in [job t]"},
	    {HEAD "params.x = text\n", "unknown key \"params.x\""},
	    {HEAD "command = true\ntimeout = soon\n", "x.conf:5: bad value \"soon\" for timeout"},
	    {HEAD "command = true\ntimeout = 0\n", "bad value \"0\" for timeout"},
	    {HEAD "command = true\nmemory = 1M\n", "bad value \"1M\" for memory"},
	    {HEAD "command = true\nattempts = 0\n", "(allowed: a number from 1 to 100)"},
	    {HEAD "command = true\nnetwork = maybe\n", "(allowed: yes, no)"},
	    {HEAD "command = true\nprogress = bytes\n", "(allowed: percent, items)"},
	    {HEAD "command = true\nretry_on = always\n", "bad value \"always\" for retry_on"},
	    {HEAD "command = true\nretry_on = lost none\n", "bad value \"none\" for retry_on"},
	    {HEAD "command = true\nread = opt\n", "bad value \"opt\" for read"},
	    {HEAD "command = true\nread = /\n", "bad value \"/\" for read"},
	    {HEAD "command = true\nread = /a/../b\n", "bad value \"/a/../b\" for read"},
	    {HEAD "command = true\nread = /a/..\n", "bad value \"/a/..\" for read"},
	    {HEAD "command =\n", "it must not be empty"},
	    {HEAD "command = ''\n", "the program is an absolute path"},
	    {HEAD "command = ./run\n", "the program is an absolute path"},
	    {HEAD "command = true 'x\n", "a quote is not closed"},
	    {HEAD "command = true {nothing}\n", "x.conf:4: bad placeholder {nothing} in command"},
	    {HEAD "command = true a{inputs}\n", "bad placeholder {inputs}"},
	    {HEAD "command = {input} x\n", "bad placeholder {input}"},
	    {"[job t]\ntitle =\n", "bad value \"\" for title"},
	    {"[job t]\naccept =\n", "name content types"},
	    {"[job t]\naccept = csv\n", "bad value \"csv\" for accept"},
	    {"[job t]\naccept = /x\n", "bad value \"/x\" for accept"},
	    {HEAD "command = true\n" HEAD "command = true\n", "section [job t] stands on line 1"},
	    {HEAD "command = true\n[job  t]\n", "job type \"t\" stands here twice"},
	    {HEAD "command = true\n[job u]\ntitle = U\n", "x.conf:5: [job u] has no accept"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jobtypes types = {0};
		struct err err;

		if (parse(&types, cases[i].text, &err) != RC_INVALID)
			fail_msg("case %zu was taken", i);
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: \"%s\"", i, err.text);
		assert_int_equal(types.n, 0);
	}
}

static void types_are_kept_by_name(void **state)
{
	struct jobtypes types = {0};
	struct err err;

	(void)state;
	for (const char *p = "mdxahzb"; *p; p++) {
		const char *text = arena_printf(&arena,
		    "[job %c]\ntitle = T\naccept = *\ncommand = true\n[job %c2]\ntitle = T\naccept "
		    "= *\n"
		    "command = true\n",
		    *p, *p);

		assert_int_equal(parse(&types, text, &err), RC_OK);
	}
	assert_int_equal(types.n, 14);
	for (size_t i = 1; i < types.n; i++)
		assert_true(strcmp(types.list[i - 1].name, types.list[i].name) < 0);
	assert_int_equal(parse(&types, "[job d2]\n", &err), RC_INVALID);
	assert_non_null(strstr(err.text, "\"d2\" stands in x.conf already"));
	assert_string_equal(jobtype_find(&types, "h2")->name, "h2");
	assert_null(jobtype_find(&types, "q"));
}

static void what_is_accepted(void **state)
{
	struct jobtype
	    t = one("[job t]\ntitle = T\naccept = text/csv image/* .tsv .docx .heic .tar.gz\n"
		    "command = true\n"),
	    any = one(HEAD "command = true\n");
	static const struct {
		const char *type, *name;
		bool yes;
	} cases[] = {
	    {"text/csv", "anything", true},
	    {"TEXT/CSV", "anything", true},
	    {"text/plain", "a.tsv", true},
	    {"text/plain", "a.TSV", true},
	    {"text/plain", "a.csv", false},
	    {"text/plain", ".tsv", false},
	    {"text/plain", "tsv", false},
	    {"application/zip", "a.docx", true},
	    {"application/octet-stream", "a.docx", true},
	    {"application/pdf", "a.docx", false},
	    {"application/x-dosexec", "a.tsv", false},
	    {"image/heic", "a.heic", true},
	    {"video/heic", "a.heic", true},
	    {"image/png", "x", true},
	    {"imagex/png", "x", false},
	    {"image", "x", false},
	    {"application/octet-stream", "a.tar.gz", true},
	    {"application/octet-stream", "a.gz", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (jobtype_accepts(&t, cases[i].type, cases[i].name) != cases[i].yes)
			fail_msg("case %zu: %s %s", i, cases[i].type, cases[i].name);
		assert_true(jobtype_accepts(&any, cases[i].type, cases[i].name));
	}
}

static void what_is_chosen(void **state)
{
	struct jobtypes types = {0};
	struct err err;

	(void)state;
	assert_int_equal(
	    parse(&types,
		"[job profile]\ntitle = P\naccept = .csv\ncommand = true\ndefault = yes\n"
		"[job inspect]\ntitle = I\naccept = *\ncommand = true\n"
		"[job a]\ntitle = A\naccept = *\ncommand = true\n",
		&err),
	    RC_OK);
	assert_null(jobtype_choose(&types, "text/plain", "a.csv"));
	for (size_t i = 0; i < types.n; i++)
		types.list[i].available = true;
	assert_string_equal(jobtype_choose(&types, "text/plain", "a.csv")->name, "profile");
	assert_string_equal(jobtype_choose(&types, "text/plain", "a.txt")->name, "inspect");
	types.list[2].available = false;
	assert_string_equal(types.list[2].name, "profile");
	assert_string_equal(jobtype_choose(&types, "text/plain", "a.csv")->name, "inspect");
}

/* The argv for a command, joined; or "refused". */
static const char *argv_of(const char *command, const char *name)
{
	static const char *const inputs[] = {"/in/1", "/in/2", NULL};
	struct jobtype t = one(arena_printf(&arena, HEAD "command = %s\n", command));
	struct jobtype_run run = {.inputs = inputs, .name = name, .output = "/out"};
	const char **argv;
	struct err err;

	if (jobtype_argv(&t, &run, &arena, &argv, &err) != RC_OK)
		return "refused";
	return join(argv);
}

/* As one that was made by a program, or all of whose files are parameters. */
static void a_job_without_files_is_refused_where_the_command_wants_one(void **state)
{
	static const char *const none[] = {NULL};
	static const struct {
		const char *command, *argv;
	} cases[] = {
	    {"p {input}", NULL},
	    {"p --in={input} {output}", NULL},
	    {"p {inputs} {output}", "p|/out|"},
	    {"p {{input} {name}", "p|{input}|a.txt|"},
	};
	struct jobtype_run run = {.inputs = none, .name = "a.txt", .output = "/out"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jobtype t =
		    one(arena_printf(&arena, HEAD "command = %s\n", cases[i].command));
		const char **argv;
		struct err err;
		enum rc rc = jobtype_argv(&t, &run, &arena, &argv, &err);

		assert_int_equal(rc, cases[i].argv ? RC_OK : RC_INVALID);
		if (cases[i].argv)
			assert_string_equal(join(argv), cases[i].argv);
	}
}

static void placeholders(void **state)
{
	(void)state;
	assert_string_equal(argv_of("p {input} -o {output}/{stem}.png", "a b.tar.gz"),
	    "p|/in/1|-o|/out/a b.tar.png|");
	assert_string_equal(argv_of("p {inputs} x", "a"), "p|/in/1|/in/2|x|");
	assert_string_equal(
	    argv_of("p {name} {stem} .{ext} {stem}-{ext}", "x.CSV"), "p|x.CSV|x|.CSV|x-CSV|");
	assert_string_equal(argv_of("p {stem}. [{ext}]", ".profile"), "p|.profile.|[]|");
	assert_string_equal(argv_of("p {stem}[{ext}]", "noext"), "p|noext[]|");
	assert_string_equal(argv_of("p {stem}", "..."), "p|...|");
	assert_string_equal(argv_of("p {name}", "/etc/passwd"), "p|passwd|");
	/* Values are never read again, and braces that hold no word are data. */
	assert_string_equal(argv_of("p {name}", "{output}.x"), "p|{output}.x|");
	assert_string_equal(argv_of("awk '{print $1}' '{{print} {{{{' {input}", "x"),
	    "awk|{print $1}|{print} {{|/in/1|");
	assert_string_equal(argv_of("p ${name}; '$(x)'", "`id`"), "p|$`id`;|$(x)|");
}

static void no_value_becomes_an_option(void **state)
{
	(void)state;
	assert_string_equal(argv_of("p {name}", "-rf"), "refused");
	assert_string_equal(argv_of("p {stem}.png", "-rf.jpg"), "refused");
	assert_string_equal(argv_of("p {ext}{name}", "-x"), "refused");
	assert_string_equal(argv_of("p {name} --", "-rf"), "refused");
	assert_string_equal(argv_of("p -- {name}", "-rf"), "p|--|-rf|");
	assert_string_equal(argv_of("p -n{name} --name={name} {output}/{name}", "-rf"),
	    "p|-n-rf|--name=-rf|/out/-rf|");
}

static void a_json_round_trip(void **state)
{
	struct jobtype
	    t = one("[job t]\ntitle = T<>\ndescription = d\naccept = * .x\ncommand = a 'b \"c' "
		    "{input}\n"
		    "timeout = 5s\nnetwork = yes\ndefault = yes\nretry_on = any\nprogress = items\n"
		    "read = /x\nrequires = y\nconcurrency = 3\nkeep = 0\n"),
	    back;
	struct buf first, second;
	struct err err;

	(void)state;
	buf_init(&first);
	buf_init(&second);
	view_json(jobtype_view(&t, &arena), &first);
	assert_int_equal(jobtype_from_json(first.data, first.len, &arena, &back, &err), RC_OK);
	view_json(jobtype_view(&back, &arena), &second);
	assert_string_equal(first.data, second.data);
	assert_string_equal(join(back.command), join(t.command));
	assert_int_equal(back.retry_on, RETRY_ANY);
	assert_true(back.network && back.by_default);
	assert_int_equal(jobtype_from_json("{}", 2, &arena, &back, &err), RC_INVALID);
	assert_int_equal(jobtype_from_json("[1]", 3, &arena, &back, &err), RC_INVALID);
	buf_release(&first);
	buf_release(&second);
}

static void programs(void **state)
{
	struct config cfg = {.tools_dir = "/nonexistent", .scripts_dir = "/usr/bin/."};
	struct jobtype t = one(HEAD "command = true\nrequires = sh no-such-program\n");

	(void)state;
	assert_string_equal(jobtype_program(&cfg, "env", &arena), "/usr/bin/env");
	assert_string_equal(jobtype_program(&cfg, "/usr/bin/env", &arena), "/usr/bin/env");
	assert_null(jobtype_program(&cfg, "no-such-program", &arena));
	assert_null(jobtype_program(&cfg, "/usr/bin", &arena));
	assert_null(jobtype_program(&cfg, "/etc/passwd", &arena));
	assert_null(jobtype_program(&cfg, "bin/sh", &arena));
	assert_string_equal(jobtype_missing(&cfg, &t, &arena), "no-such-program");
	t.requires[1] = NULL;
	assert_null(jobtype_missing(&cfg, &t, &arena));
}

/* ---- directories
 * ---------------------------------------------------------------------------------- */

static char root[] = "/tmp/dropmill-jobtype-XXXXXX";

static void write_conf(const char *path, const char *name, const char *title)
{
	FILE *f = fopen(arena_printf(&arena, "%s/%s", root, path), "w");

	assert_non_null(f);
	fprintf(f, "[job %s]\ntitle = %s\naccept = *\ncommand = true\n", name, title);
	fclose(f);
}

static void later_directories_win(void **state)
{
	struct jobtypes types;
	struct config cfg = {.tools_dir = "/x", .scripts_dir = "/x"};
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(root));
	mkdir(arena_printf(&arena, "%s/1", root), 0755);
	mkdir(arena_printf(&arena, "%s/2", root), 0755);
	write_conf("1/a.conf", "a", "first");
	write_conf("1/b.conf", "b", "first");
	write_conf("1/c.conf", "a", "namesake in one directory");
	write_conf("1/d.conf.bak", "d", "not a .conf");
	write_conf("1/.e.conf", "e", "hidden");
	write_conf("2/a.conf", "a", "second");
	write_conf("2/z.conf", "Z", "bad name");
	cfg.jobs_dir = arena_printf(&arena, "%s/1:%s/none:%s/2", root, root, root);
	assert_int_equal(jobtype_load_dirs(&cfg, &arena, &types, &err), RC_OK);
	assert_int_equal(types.n, 2);
	assert_string_equal(types.list[0].title, "second");
	assert_string_equal(types.list[1].title, "first");
	assert_true(types.list[0].available);
	assert_int_equal(types.bad_count, 2);
	assert_non_null(strstr(types.bad[0].file, "/1/c.conf"));
	assert_non_null(strstr(types.bad[1].why, "/2/z.conf:1: bad name"));
	assert_int_equal(system(arena_printf(&arena, "rm -r %s", root)), 0);
}

static void the_shipped_types_are_good(void **state)
{
	struct config cfg = {.tools_dir = "build", .scripts_dir = "/x", .jobs_dir = "conf/jobs.d"};
	struct jobtypes types;
	struct err err;

	(void)state;
	assert_int_equal(jobtype_load_dirs(&cfg, &arena, &types, &err), RC_OK);
	assert_int_equal(types.bad_count, 0);
	assert_non_null(jobtype_find(&types, "inspect"));
	assert_true(jobtype_find(&types, "csv-profile")->by_default);
	assert_non_null(jobtype_find(&types, "demo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key),
	    cmocka_unit_test(by_hand),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(errors_name_file_and_line),
	    cmocka_unit_test(types_are_kept_by_name),
	    cmocka_unit_test(what_is_accepted),
	    cmocka_unit_test(what_is_chosen),
	    cmocka_unit_test(a_job_without_files_is_refused_where_the_command_wants_one),
	    cmocka_unit_test(placeholders),
	    cmocka_unit_test(no_value_becomes_an_option),
	    cmocka_unit_test(a_json_round_trip),
	    cmocka_unit_test(programs),
	    cmocka_unit_test(later_directories_win),
	    cmocka_unit_test(the_shipped_types_are_good),
	};

	return cmocka_run_group_tests_name("jobtype", tests, set_up, tear_down);
}
