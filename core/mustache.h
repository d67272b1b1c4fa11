/*
 * Mustache templates: compiled once, rendered from a view into a buffer.
 *
 * The whole specification but lambdas: interpolation, sections, inverted sections, partials with
 * indentation, comments, set delimiters, the rules of white space around tags that stand alone, and
 * of its optional parts inheritance ({{<parent}}, {{$block}}) with reindentation and dynamic names
 * ({{>*name}}, {{<*name}}).
 *
 * Templates are trusted, data is not. False are: what is absent, null, false, 0, "" and the empty
 * list. A list or object where a text is wanted prints nothing. list.0 is the first element of a
 * list. Errors read "file:line:column: message"; columns count characters.
 */
#ifndef CORE_MUSTACHE_H
#define CORE_MUSTACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/rc.h"
#include "core/view.h"

/* Sections, partials and parents open within one another at render time, so that a partial which
 * includes itself ends. */
#define MUSTACHE_DEPTH_MAX 3000
/* Tags open within one another in one template. */
#define MUSTACHE_NEST_MAX 100

struct mustache;     /* one compiled template; lives as long as its set */
struct mustache_set; /* templates that may name one another */

struct mustache_set *mustache_set_new(void);
void mustache_set_free(struct mustache_set *set);

/* Compile `text` under that name, which stands in errors too; an older template of the name is
 * replaced. RC_INVALID: the text is no template. */
enum rc mustache_set_add(
    struct mustache_set *set, const char *name, const char *text, size_t len, struct err *err);

/* Compile every NAME.mustache below `dir`; the name of one in a sub folder has slashes. Hidden
 * files are passed over. Ends at the first error. */
enum rc mustache_set_load_dir(struct mustache_set *set, const char *dir, struct err *err);

/* Compile one file of any name, and from now on look in `partials` for NAME.mustache whenever a
 * template names one that the set lacks. */
enum rc mustache_set_load_file(struct mustache_set *set, const char *path, const char *partials,
    const struct mustache **out, struct err *err);

/* NULL if the set has none of that name. */
const struct mustache *mustache_find(const struct mustache_set *set, const char *name);

/* What to hold our own templates to at start-up: `report` is told of every partial or parent that
 * is named and missing, and of every {{{x}}} and {{&x}} that is not listed in `raw`, a list of
 * "template:x" ended by NULL (which may be NULL). Returns how many. */
size_t mustache_set_lint(const struct mustache_set *set, const char *const *raw,
    void (*report)(void *arg, const char *text), void *arg);

/* A render may open this many sections and templates; a template that multiplies its data beyond is
 * stopped. 100 million unless set. */
void mustache_set_budget(struct mustache_set *set, uint64_t sections);

/* Append the rendering to out. A missing partial is empty. RC_LIMIT: nested too deep or over the
 * budget; RC_INVALID: a partial found only now is no template. After an error out holds what was
 * rendered up to it. */
enum rc mustache_render(
    const struct mustache *tmpl, const struct view *data, struct buf *out, struct err *err);

#endif
