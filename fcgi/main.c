/*
 * dropmill-web: answers requests by FastCGI, or one by plain CGI.
 *
 *   dropmill-web [-c FILE]       the pool, listening on run_dir/web.sock or on descriptor 0
 *   dropmill-web -n [-c FILE]    check configuration and templates, print the effective settings
 *   dropmill-web --routes        print the route table: methods, pattern, access, body, purpose,
 *                                and "once" if it takes an Idempotency-Key
 *
 * With REQUEST_METHOD in the environment it is a CGI program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/sniff.h"
#include "core/version.h"
#include "fcgi/master.h"
#include "fcgi/route.h"
#include "fcgi/serve.h"

static const char usage[] = "usage: dropmill-web [-n] [-c FILE] | --routes | --version\n";

static void print_routes(void)
{
	static const char *const access[] = {"public", "viewer", "member", "admin", "operator"};
	static const char *const body[] = {"none", "form", "json", "file", "any"};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < routes_count; i++)
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", route_methods(routes[i].methods, &a),
		    routes[i].pattern, access[routes[i].access], body[routes[i].body],
		    routes[i].doc, routes[i].methods & ROUTE_ONCE ? "once" : "");
	arena_release(&a);
}

static int print_settings(const struct settings *s)
{
	struct buf out;

	buf_init(&out);
	config_print(&s->cfg, &out);
	fputs(out.data, stdout);
	buf_release(&out);
	return fflush(stdout) == 0 ? 0 : 74;
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	struct err err = {0};
	bool check = false;
	struct settings *s;
	int option, code;

	sniff_child(argc, argv);
	log_init("dropmill-web");
	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		print_routes();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts(dropmill_version);
		return 0;
	}
	while ((option = getopt(argc, argv, "c:n")) != -1)
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'n':
			check = true;
			break;
		default:
			fputs(usage, stderr);
			return 64;
		}
	if (optind != argc) {
		fputs(usage, stderr);
		return 64;
	}
	s = calloc(1, sizeof *s);
	if (!s || settings_load(s, file, &err) != RC_OK)
		die(78, "cannot start: %s", err.text);
	if (!check && (master_inherited_socket() || !getenv("REQUEST_METHOD")))
		return master_run(s, file);
	code = check ? print_settings(s) : serve_cgi(&s->cfg, s->templates);
	settings_release(s);
	free(s);
	return code;
}
