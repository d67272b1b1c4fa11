/*
 * GET /jobs/admit: what admission would say to an upload, so that a page can show the sentence
 * before it sends a body that nobody would read.
 */
#include "fcgi/gate.h"
#include "fcgi/pages.h"

enum rc page_job_admit(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = gate_upload(app, r, request_int(r, "size", -1), resp, err);

	if (rc == RC_OK)
		resp->status = 204;
	return rc;
}
