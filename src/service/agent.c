/* SPDX-License-Identifier: Apache-2.0 */
/* service/agent.c — see agent.h. */
#include "service/agent.h"

#include <errno.h>

#include "log/log.h"

/* Bytes that a connection keeps between two requests. */
#define KEEP_MEMORY ((size_t)32 * 1024)

struct queue_params {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
};

static const struct conf_var vars[] = {
	CV_STR(struct queue_params, hash_queue_names),
	CV_INT(struct queue_params, hash_queue_depth),
	CV_END,
};

int agent_open(struct agent *ag, struct conf *c, const char *name, struct why *why)
{
	struct queue_params p = { 0 };
	int e = conf_fill(c, vars, &p, why);

	if (e < 0)
		return e;
	strv_split(&ag->hashed, str_of(p.hash_queue_names), ", \t\r\n");
	ag->queue = (struct queue_settings){
		.hashed = ag->hashed.n > 0 ? (const char *const *)ag->hashed.v : NULL,
		.hash_depth = (unsigned)p.hash_queue_depth,
	};
	return report_params_open(c, name, &log_notes, &ag->params, &ag->report, why);
}

const char *agent_changed(const struct agent *ag)
{
	return report_conf_changed(ag->report);
}

/* One request; false: the connection ends. */
static bool serve_one(const struct agent *ag, struct service_ctx *ctx,
	struct service_client *client, struct arena *a, agent_deliver_fn deliver)
{
	struct delivery_request rq;
	struct why why = { 0 };
	int e = request_read(client->stream, &ag->queue, a, &rq, &why);

	if (e < 0) {
		if (e != -ENODATA)
			log_warn("%s", why.text);
		return false;
	}
	e = deliver(ctx, client, &rq, a);
	return request_answer(client->stream, &rq, e, !service_is_ending(ctx)) == 0;
}

/* Memory for the next request: that of the last one, unless it was large. */
static struct arena *renew(struct arena *a)
{
	if (a != NULL && arena_used(a) <= KEEP_MEMORY) {
		arena_clear(a);
		return a;
	}
	arena_free(a);
	return arena_new(0);
}

void agent_serve(const struct agent *ag, struct service_ctx *ctx, struct service_client *client,
	agent_deliver_fn deliver)
{
	struct arena *a = NULL;

	if (request_greet(client->stream) < 0)
		return;
	do {
		if (!service_next_request(ctx, client, 0))
			break;
		a = renew(a);
	} while (serve_one(ag, ctx, client, a, deliver));
	arena_free(a);
}
