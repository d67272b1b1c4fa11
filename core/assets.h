/* The content hash of public/, made by the build. */
#ifndef CORE_ASSETS_H
#define CORE_ASSETS_H

/* Eight hex digits. The URL of public/PATH is /static/<asset_id>/PATH; it may be cached for ever.
 */
extern const char asset_id[];

#endif
