/*
 * Asking the processors that are there; each says about itself how it runs commands.
 */
#include "fcgi/warning.h"

#include <string.h>

#include "core/claim.h"

void warning_put(struct app *app, const struct request *r, struct view *page)
{
	struct worker *workers;
	struct err err;
	size_t n;

	if (r->scope.role != ROLE_OPERATOR || worker_list(app->db, r->arena, &workers, &n, &err))
		return;
	for (size_t i = 0; i < n; i++) {
		struct view *about = NULL;
		const char *text;

		if (!worker_heard(&workers[i]) ||
		    view_parse(r->arena, workers[i].about, strlen(workers[i].about), &about, &err))
			continue;
		text = view_text(view_get(about, "warning"));
		if (text && *text) {
			view_str(page, "warning", text);
			return;
		}
	}
}
