/*
 * What stands around every page: who is signed in, where they may go from here, and what they must
 * know: that they have no password yet, or, for operators, that commands run without a sandbox.
 */
#ifndef FCGI_MENU_H
#define FCGI_MENU_H

#include "core/view.h"
#include "fcgi/app.h"
#include "fcgi/request.h"

/* Put `me` (null where nobody is known) and `warning` into a page's view. A database that cannot be
 * asked leaves them out: the page itself says so. */
void menu_put(struct app *app, const struct request *r, struct view *page);

#endif
