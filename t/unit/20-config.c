/* The configuration: defaults, file, environment, errors with their place, and the sample file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/config.h"
#include "core/ini.h"

static struct arena arena;
static char directory[] = "/tmp/dropmill-config-XXXXXX";

static char *path_of(const char *name)
{
	return arena_printf(&arena, "%s/%s", directory, name);
}

static char *write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static enum rc load(struct config *cfg, const char *text, struct err *err)
{
	*err = (struct err){0};
	return config_load(cfg, write_file("x.conf", text), &arena, err);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena);
	for (size_t i = 0; config_key(i); i++) {
		char name[80] = "DROPMILL_";

		for (size_t j = 0; config_key(i)[j]; j++)
			name[9 + j] = (char)(config_key(i)[j] >= 'a' ? config_key(i)[j] - 32
								     : config_key(i)[j]);
		unsetenv(name);
	}
	unsetenv("DROPMILL_CONFIG");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path_of("x.conf"));
	rmdir(directory);
	arena_release(&arena);
	return 0;
}

static void defaults(void **state)
{
	struct config cfg;
	struct err err;

	(void)state;
	assert_int_equal(load(&cfg, "# nothing\n", &err), RC_OK);
	assert_string_equal(cfg.file, path_of("x.conf"));
	assert_int_equal(cfg.auth, AUTH_PASSWORD);
	assert_string_equal(cfg.proxies, "");
	assert_int_equal(cfg.sandbox, SANDBOX_REQUIRE);
	assert_int_equal(cfg.stop_grace_ms, 10000);
	assert_int_equal(cfg.disk_low_bytes, 512 << 20);
	assert_true(cfg.workers >= 1 && cfg.web_processes >= 4);
	assert_string_equal(cfg.hosts, "localhost 127.0.0.1 [::1]");
	assert_string_equal(cfg.base_url, "");
	assert_string_equal(cfg.database, "/var/lib/dropmill/dropmill.db");
	assert_string_equal(cfg.run_user, "nobody");
}

static void values_and_relative_paths(void **state)
{
	struct config cfg;
	struct err err;

	(void)state;
	assert_int_equal(
	    load(&cfg,
		"database = dropmill.db\nstore = /abs/store\njobs_dir = a:/b::c\n"
		"lease = 2m\nheartbeat=500ms\nupload_max = 3M\nworkers = 7\nweb_processes = 3\n"
		"sandbox = off\nbase_url = https://mill.example.org\n",
		&err),
	    RC_OK);
	assert_string_equal(cfg.database, path_of("dropmill.db"));
	assert_string_equal(cfg.store, "/abs/store");
	assert_string_equal(
	    cfg.jobs_dir, arena_printf(&arena, "%s/a:/b:%s/c", directory, directory));
	assert_int_equal(cfg.lease_ms, 120000);
	assert_int_equal(cfg.heartbeat_ms, 500);
	assert_int_equal(cfg.upload_max_bytes, 3 << 20);
	assert_int_equal(cfg.workers, 7);
	assert_int_equal(cfg.web_processes, 3);
	assert_int_equal(cfg.sandbox, SANDBOX_OFF);
}

static void a_relative_file_makes_absolute_paths(void **state)
{
	struct config cfg;
	char *cwd = getcwd(NULL, 0);
	struct err err;

	(void)state;
	write_file("x.conf", "store = s\n");
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(config_load(&cfg, "x.conf", &arena, &err), RC_OK);
	assert_string_equal(cfg.store, path_of("s"));
	assert_int_equal(config_load(&cfg, "./x.conf", &arena, &err), RC_OK);
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(cfg.store[0], '/');
	free(cwd);
}

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"\nnonsens = 1\n", "x.conf:2: unknown key \"nonsens\""},
	    {"auth = magic\n",
		"x.conf:1: bad value \"magic\" for auth (allowed: password, proxy, none)"},
	    {"proxies = 10.0.0.0/8 ::1\nproxies = x\n", "x.conf:2: \"proxies\" stands"},
	    {"proxies = 10.0.0.0/33\n", "(allowed: addresses and networks"},
	    {"proxies = 10.0.0\n", "(allowed: addresses and networks"},
	    {"proxies = ::1/129\n", "(allowed: addresses and networks"},
	    {"proxy_header = X User\n", "(allowed: the name of a header"},
	    {"sandbox = maybe\n", "(allowed: require, auto, off)"},
	    {"workers = many\n", "(allowed: a number from 0 to 1024)"},
	    {"workers = 1025\n", "bad value \"1025\" for workers"},
	    {"workers = -1\n", "bad value \"-1\" for workers"},
	    {"lease = soon\n", "(allowed: a duration such as"},
	    {"lease = 2d\n", "from 1s to 1d)"},
	    {"upload_max = 0\n", "(allowed: a size such as"},
	    {"upload_max = 1 G\n", "bad value \"1 G\""},
	    {"store =\n", "it must not be empty"},
	    {"base_url = example.org\n", "http:// or https://"},
	    {"base_url = https://\n", "http:// or https://"},
	    {"base_url = https://a/\n", "without a slash"},
	    {"lease = 5s\nheartbeat = 3s\n", "lease must be at least twice the heartbeat"},
	    {"[dropmill]\n", "x.conf:1: sections have no meaning"},
	    {"lease = 30s\nlease = 31s\n", "x.conf:2: \"lease\" stands on line 1 already"},
	    {"run_dir = "
	     "/12345678901234567890123456789012345678901234567890123456789012345678901234567890\n",
		"run_dir is longer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config cfg;
		struct err err;

		assert_int_equal(load(&cfg, cases[i].text, &err), RC_INVALID);
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: \"%s\"", i, err.text);
	}
}

static void environment_overrides(void **state)
{
	struct config cfg;
	struct err err;
	char *cwd = getcwd(NULL, 0);

	(void)state;
	setenv("DROPMILL_LEASE", "90s", 1);
	setenv("DROPMILL_STORE", "elsewhere", 1);
	setenv("DROPMILL_SOMETHING_ELSE", "ignored", 1);
	assert_int_equal(load(&cfg, "lease = 70s\n", &err), RC_OK);
	assert_int_equal(cfg.lease_ms, 90000);
	assert_string_equal(cfg.store, arena_printf(&arena, "%s/elsewhere", cwd));
	setenv("DROPMILL_LEASE", "never", 1);
	assert_int_equal(load(&cfg, "", &err), RC_INVALID);
	assert_ptr_equal(
	    strstr(err.text, "DROPMILL_LEASE: bad value \"never\" for lease"), err.text);
	unsetenv("DROPMILL_LEASE");
	unsetenv("DROPMILL_STORE");
	unsetenv("DROPMILL_SOMETHING_ELSE");
	free(cwd);
}

static void which_file(void **state)
{
	struct config cfg;
	struct err err;

	(void)state;
	assert_int_equal(config_load(&cfg, path_of("none.conf"), &arena, &err), RC_NOTFOUND);
	setenv("DROPMILL_CONFIG", write_file("x.conf", "workers = 3\n"), 1);
	assert_int_equal(config_load(&cfg, NULL, &arena, &err), RC_OK);
	assert_int_equal(cfg.workers, 3);
	setenv("DROPMILL_CONFIG", path_of("none.conf"), 1);
	assert_int_equal(config_load(&cfg, NULL, &arena, &err), RC_NOTFOUND);
	unsetenv("DROPMILL_CONFIG");
}

static void what_is_printed_reads_back(void **state)
{
	struct config one, two;
	struct buf first, second;
	struct err err;

	(void)state;
	buf_init(&first);
	buf_init(&second);
	assert_int_equal(
	    load(&one, "lease = 90500ms\nlog_max = 1025\ndisk_low = 0\nbackoff = 0\n", &err),
	    RC_OK);
	config_print(&one, &first);
	assert_non_null(strstr(first.data, "lease = 90500ms\n"));
	assert_non_null(strstr(first.data, "log_max = 1025\n"));
	assert_non_null(strstr(first.data, "upload_max = 10G\n"));
	assert_non_null(strstr(first.data, "sweep_age = 1h\n"));
	assert_int_equal(load(&two, first.data, &err), RC_OK);
	config_print(&two, &second);
	assert_string_equal(first.data, second.data);
	buf_clear(&first);
	assert_true(config_get(&one, "stop_grace", &first));
	assert_string_equal(first.data, "10s");
	assert_false(config_get(&one, "nothing", &first));
	buf_release(&first);
	buf_release(&second);
}

/* conf/dropmill.conf is what config_sample writes, and all it shows are defaults. */
static void the_shipped_file_is_the_sample(void **state)
{
	struct config shipped, plain;
	struct buf sample, a, b;
	struct err err;
	char *text;
	size_t len;

	(void)state;
	/* Built for another place, the sample names that place. */
	if (strcmp(DROPMILL_PREFIX, "/usr/local") != 0)
		skip();
	buf_init(&sample);
	buf_init(&a);
	buf_init(&b);
	assert_int_equal(config_sample(NULL, 0, &sample, &err), RC_OK);
	if (getenv("DROPMILL_UPDATE_SAMPLE")) {
		FILE *f = fopen("conf/dropmill.conf", "w");

		fputs(sample.data, f);
		fclose(f);
	}
	assert_int_equal(ini_slurp("conf/dropmill.conf", &arena, &text, &len, &err), RC_OK);
	assert_string_equal(sample.data, text);
	for (size_t i = 0; config_key(i); i++)
		assert_non_null(strstr(text, arena_printf(&arena, "\n#%s =", config_key(i))));
	/* With the marks of comment taken off, it says the same as no file at all. */
	for (char *p = text; (p = strstr(p, "\n#")); p++)
		if (p[2] != ' ')
			p[1] = ' ';
	assert_int_equal(load(&shipped, text, &err), RC_OK);
	assert_int_equal(load(&plain, "", &err), RC_OK);
	config_print(&shipped, &a);
	config_print(&plain, &b);
	assert_string_equal(a.data, b.data);
	buf_release(&sample);
	buf_release(&a);
	buf_release(&b);
}

static void a_sample_with_values(void **state)
{
	static const struct config_set good[] = {{"store", "here"}, {"lease", "70s"}},
				       bad[] = {{"store", ""}}, unknown[] = {{"stores", "x"}},
				       lines[] = {{"store", "a\nb"}};
	struct config cfg;
	struct buf out;
	struct err err;

	(void)state;
	buf_init(&out);
	assert_int_equal(config_sample(good, 2, &out, &err), RC_OK);
	assert_int_equal(load(&cfg, out.data, &err), RC_OK);
	assert_string_equal(cfg.store, path_of("here"));
	assert_int_equal(cfg.lease_ms, 70000);
	assert_int_equal(config_sample(bad, 1, &out, &err), RC_INVALID);
	assert_int_equal(config_sample(unknown, 1, &out, &err), RC_INVALID);
	assert_int_equal(config_sample(lines, 1, &out, &err), RC_INVALID);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(values_and_relative_paths),
	    cmocka_unit_test(a_relative_file_makes_absolute_paths),
	    cmocka_unit_test(errors_name_the_line),
	    cmocka_unit_test(environment_overrides),
	    cmocka_unit_test(which_file),
	    cmocka_unit_test(what_is_printed_reads_back),
	    cmocka_unit_test(the_shipped_file_is_the_sample),
	    cmocka_unit_test(a_sample_with_values),
	};

	return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
