/*
 * What an operator must know on every page: that commands run without a sandbox on some host.
 */
#ifndef FCGI_WARNING_H
#define FCGI_WARNING_H

#include "core/view.h"
#include "fcgi/app.h"
#include "fcgi/request.h"

/* Put `warning` into a page's view if there is one and the caller is an operator. A database that
 * cannot be asked is no warning: the page itself says so. */
void warning_put(struct app *app, const struct request *r, struct view *page);

#endif
