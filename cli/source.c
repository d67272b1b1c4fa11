/*
 * Which source a run is about, and reading what sources give.
 */
#include "cli/source.h"

#include "cli/cli.h"
#include "core/clock.h"

const struct source *cli_source(void)
{
	return cli.server ? &source_remote : &source_local;
}

const char *text_of(const struct view *v, const char *key)
{
	const char *s = view_text(view_get(v, key));

	return s ? s : "";
}

int64_t number_of(const struct view *v, const char *key)
{
	return view_number(view_get(v, key));
}

bool known_of(const struct view *v, const char *key)
{
	return view_type(view_get(v, key)) == VIEW_INT;
}

bool is_true(const struct view *v, const char *key)
{
	const struct view *value = view_get(v, key);
	struct buf text;
	bool yes;

	if (view_type(value) != VIEW_BOOL)
		return false;
	buf_init(&text);
	view_json(value, &text);
	yes = text.data[0] == 't';
	buf_release(&text);
	return yes;
}

int64_t time_of(const struct view *v, const char *key)
{
	int64_t at = 0;

	clock_read(text_of(v, key), 0, &at);
	return at;
}

enum job_status status_of(const struct view *job)
{
	return job_status_parse(text_of(job, "status"));
}
