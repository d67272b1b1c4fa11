/*
 * One round of the Mustache benchmark: mustache SECONDS TEMPLATE < data.json renders again and
 * again for that long and prints how many times a second. With --build the view is built anew,
 * member by member, for every rendering, as a handler does it. With --print it renders once, to
 * standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/mustache.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct view *build(struct arena *a)
{
	static const char *const status[] = {"pending", "processing", "completed", "failed"};
	struct view *root = view_obj(a), *jobs = view_list(a);

	view_int(root, "version", 4711);
	view_ref(root, "base", "");
	view_put(root, "jobs", jobs);
	for (int i = 0; i < 25; i++) {
		struct view *job = view_obj(a), *actions = view_list(a);

		view_push(jobs, job);
		view_int(job, "id", 100000 + i);
		view_str(job, "uuid", "0199a0de-4a7c-7cc1-b0f5-0a1b2c3d4e5f");
		view_str(job, "name", "quarterly report & figures.csv");
		view_str(job, "project", "default");
		view_str(job, "type", "csv-profile");
		view_ref(job, "status", status[i % 4]);
		view_int(job, "percent", i * 4);
		view_bool(job, "progress", i % 4 == 1);
		view_str(job, "step", "row 12,000 of 48,000");
		view_str(job, "size", "1.4 MB");
		view_str(job, "created", "2026-01-02T03:04:05Z");
		view_str(job, "started", "2026-01-02T03:04:06Z");
		view_null(job, "completed");
		view_int(job, "retries", 0);
		view_int(job, "total", 48000);
		view_int(job, "processed", 12000);
		view_int(job, "rejected", 3);
		view_null(job, "error");
		view_ref(job, "by", "operator");
		view_put(job, "actions", actions);
		view_push_str(actions, "cancel");
		view_push_str(actions, "retry");
	}
	return root;
}

static void read_data(struct buf *in)
{
	size_t got;

	while ((got = fread(buf_reserve(in, 65536), 1, 65536, stdin)) > 0)
		in->len += got;
}

int main(int argc, char **argv)
{
	bool building = argc > 1 && strcmp(argv[1], "--build") == 0;
	bool printing = argc > 1 && strcmp(argv[1], "--print") == 0;
	struct mustache_set *set = mustache_set_new();
	const struct mustache *tmpl;
	struct arena kept, fresh;
	struct buf in, out;
	struct err err;
	struct view *data;
	double seconds, begin, end;
	long count = 0;

	argc -= building || printing;
	argv += building || printing;
	if (argc != 3)
		die(EX_USAGE, "usage: mustache [--build | --print] SECONDS TEMPLATE < data.json");
	seconds = atof(argv[1]);
	arena_init(&kept);
	arena_init(&fresh);
	buf_init(&in);
	buf_init(&out);
	read_data(&in);
	if (mustache_set_load_file(set, argv[2], ".", &tmpl, &err) != RC_OK ||
	    view_parse(&kept, in.data, in.len, &data, &err) != RC_OK)
		die(EX_DATAERR, "%s", err.text);
	begin = now();
	do {
		for (int i = 0; i < (printing ? 1 : 100); i++, count++) {
			buf_clear(&out);
			if (building) {
				arena_clear(&fresh);
				data = build(&fresh);
			}
			if (mustache_render(tmpl, data, &out, &err) != RC_OK)
				die(EX_SOFTWARE, "%s", err.text);
		}
		end = now();
	} while (!printing && end - begin < seconds);
	if (printing)
		fwrite(out.data, 1, out.len, stdout);
	else
		printf("%.0f\n", (double)count / (end - begin));
	buf_release(&out);
	buf_release(&in);
	arena_release(&fresh);
	arena_release(&kept);
	mustache_set_free(set);
	return EX_OK;
}
