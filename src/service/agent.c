/* SPDX-License-Identifier: Apache-2.0 */
/* service/agent.c — see agent.h. */
#include "service/agent.h"

#include <errno.h>

#include "base/mem.h"
#include "log/log.h"
#include "queue/journal_files.h"

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
		.files = journal_files_new(JOURNAL_FILES_IDLE),
	};
	return report_params_open(c, name, &log_notes, &ag->params, &ag->report, why);
}

const char *agent_changed(const struct agent *ag)
{
	return report_conf_changed(ag->report);
}

int agent_report_all(const struct agent *ag, struct delivery_request *rq, struct str relay,
	const struct dsn *outcome, agent_report_fn fn)
{
	struct report r = { .rq = rq, .relay = relay, .stats = rq->stats, .dsn = *outcome };
	int status = 0;

	for (size_t i = 0; i < rq->n_rcpt; i++) {
		r.rcpt = &rq->rcpt[i];
		if (r.rcpt->offset != 0 && fn(ag->report, &r) < 0)
			status = -1;
	}
	return status;
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

/* What agent_main() keeps; found from the context by its definition. */
struct plain_agent {
	struct service def;
	struct agent *agent;
	agent_deliver_fn deliver;
};

static const struct plain_agent *plain_of(const struct service_ctx *ctx)
{
	_Static_assert(offsetof(struct plain_agent, def) == 0, "the definition is the first part");
	return (const struct plain_agent *)(const void *)ctx->def;
}

const struct agent *agent_of(const struct service_ctx *ctx)
{
	return plain_of(ctx)->agent;
}

static int plain_open(struct service_ctx *ctx, struct why *why)
{
	return agent_open(plain_of(ctx)->agent, ctx->conf, NULL, why);
}

static const char *plain_changed(struct service_ctx *ctx)
{
	return agent_changed(agent_of(ctx));
}

static void plain_serve(struct service_ctx *ctx, struct service_client *client)
{
	agent_serve(agent_of(ctx), ctx, client, plain_of(ctx)->deliver);
}

void agent_main(int argc, char **argv, const struct service *def, agent_deliver_fn deliver)
{
	/* Both live as long as the process. */
	struct plain_agent *p = mem_new(struct plain_agent);

	p->def = *def;
	p->def.pre_jail = plain_open;
	p->def.pre_accept = plain_changed;
	p->def.serve = plain_serve;
	p->agent = mem_new(struct agent);
	p->deliver = deliver;
	service_main(argc, argv, &p->def);
}
