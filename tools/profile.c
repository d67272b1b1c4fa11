/*
 * dropmill-profile: the columns of a CSV file: type, empty cells, distinct values, smallest and
 * largest, distribution; as JSON for programs and as a page for people.
 */
#include <getopt.h>
#include <inttypes.h>

#include "tools/lib/report.h"
#include "tools/lib/tool.h"

static const char usage[] =
    "usage: dropmill-profile [--delimiter NAME] FILE OUTDIR\n"
    "\n"
    "Profiles every column of the CSV file FILE into OUTDIR/profile.json and OUTDIR/profile.html.\n"
    "\n"
    "  --delimiter NAME  auto, comma, semicolon, tab or pipe  (DROPMILL_PARAM_DELIMITER)\n"
    "  --help            this text\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 FILE is no table, 74 input or output.\n";

/* The delimiter of that name; 0: to be found out. */
static char delimiter_named(const char *name)
{
	static const char candidates[] = ",;\t|";

	if (!name || !strcmp(name, "auto"))
		return 0;
	for (const char *d = candidates; *d; d++)
		if (!strcmp(name, report_delimiter(*d)))
			return *d;
	tool_usage("delimiter must be auto, comma, semicolon, tab or pipe, not \"%s\"", name);
}

static void write_reports(const struct table *t, const char *outdir)
{
	struct buf text;
	struct err err;

	tool_progress(98, "writing the report");
	buf_init(&text);
	report_json(t, &text);
	if (tool_write(outdir, "profile.json", &text, &err))
		tool_fail(&err);
	buf_clear(&text);
	if (report_html(t, &text, &err) || tool_write(outdir, "profile.html", &text, &err))
		tool_fail(&err);
	buf_release(&text);
}

static void tell(const struct table *t)
{
	char ragged[64] = "";

	if (t->short_rows + t->long_rows)
		snprintf(
		    ragged, sizeof ragged, ", %" PRIu64 " ragged", t->short_rows + t->long_rows);
	tool_items(t->rows, 0);
	tool_progress(100, "done");
	tool_result("%" PRIu64 " row%s%s, %zu column%s", t->rows, t->rows == 1 ? "" : "s", ragged,
	    t->column_count, t->column_count == 1 ? "" : "s");
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "delimiter", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	const char *delimiter = NULL, *file, *outdir;
	struct table table;
	struct err err;
	int c;

	tool_init(usage);
	delimiter = tool_param("DELIMITER");
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			tool_help();
		if (c != 'd')
			tool_usage("unknown option or missing value: %s", argv[optind - 1]);
		delimiter = optarg;
	}
	tool_paths(argc, argv, optind, &file, &outdir);
	if (table_profile(&table, file, delimiter_named(delimiter), outdir, &err))
		tool_fail(&err);
	write_reports(&table, outdir);
	tell(&table);
	table_release(&table);
	return 0;
}
