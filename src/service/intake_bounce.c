/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/intake_bounce.c — see intake_bounce.h.
 */
#include "service/intake_bounce.h"

#include <errno.h>

#include "base/num.h"
#include "delivery/bounce_client.h"
#include "queue/message.h"
#include "service/intake_settings.h"

/* What stands before a recipient in the file. */
struct pending {
	struct buf orig, dsn_orcpt, envid;
	int notify, ret;
};

struct job {
	struct intake_params *p;
	const struct intake_bounce *b;
	struct delivery_request rq;
	struct pending pending;
	size_t count;
};

static int bounce_one(struct job *j, struct str address)
{
	struct recipient rcpt = {
		.orig_addr = buf_str(&j->pending.orig),
		.address = address,
		.offset = -1,
		.dsn_orcpt = buf_str(&j->pending.dsn_orcpt),
		.dsn_notify = j->pending.notify,
	};
	struct report r = {
		.rq = &j->rq,
		.rcpt = &rcpt,
		.relay = STR("none"),
		.stats = j->rq.stats,
		.dsn = {
			.status = j->b->dsn,
			.action = STR_EMPTY,
			.reason = j->b->reason,
			.dtype = STR_EMPTY,
			.dtext = STR_EMPTY,
			.mtype = STR_EMPTY,
			.mname = STR_EMPTY,
		},
		.tls = STR_EMPTY,
	};

	j->count++;
	return report_bounce(j->p->report, &r) == 0 ? 0 : -EIO;
}

static int attribute(struct job *j, struct str data)
{
	struct pending *p = &j->pending;
	struct str name;
	struct str value;
	uint64_t n = 0;

	if (rec_attr_split(data, &name, &value) < 0)
		return 0;
	if (str_eq(name, STR("dsn_orig_rcpt"))) {
		buf_clear(&p->dsn_orcpt);
		return buf_add(&p->dsn_orcpt, value);
	}
	if (str_eq(name, STR("envelope_id"))) {
		buf_clear(&p->envid);
		return buf_add(&p->envid, value);
	}
	if (str_eq(name, STR("notify_flags")) && num_u64(value, 255, &n) == 0)
		p->notify = (int)n;
	else if (str_eq(name, STR("ret_flags")) && num_u64(value, 255, &n) == 0)
		p->ret = (int)n;
	return 0;
}

static int record(struct job *j, int type, struct str data)
{
	struct pending *p = &j->pending;
	int r = 0;

	switch (type) {
	case REC_ATTR:
		return attribute(j, data);
	case REC_ORCP:
		buf_clear(&p->orig);
		return buf_add(&p->orig, data);
	case REC_RCPT:
		r = bounce_one(j, data);
		buf_clear(&p->orig);
		buf_clear(&p->dsn_orcpt);
		p->notify = 0;
		return r;
	default:
		return 0;
	}
}

/* All recipients of envelope and extracted segment. The file may end anywhere. */
static int bounce_all(struct job *j, struct queue_message *m)
{
	struct queue_reader reader;
	struct str data;
	bool content = false;
	int r = 0;

	queue_reader_init(&reader, m, 0, true);
	while (r == 0) {
		int type = queue_reader_next(&reader, &data);

		if (type <= 0 || type == REC_END)
			break;
		if (type == REC_MESG || type == REC_XTRA)
			content = type == REC_MESG;
		else if (!content)
			r = record(j, type, data);
	}
	queue_reader_done(&reader);
	return r;
}

static int flush(struct job *j)
{
	_cleanup_buf_ struct buf request = BUF_LOCAL(BUF_MEDIUM);
	struct bounce_message m = {
		.queue_name = STR(QUEUE_INCOMING),
		.queue_id = str_of(j->b->id),
		.encoding = j->b->encoding.len > 0 ? j->b->encoding : STR_EMPTY,
		.sendopts = (int)j->b->sendopts,
		.sender = j->b->sender,
		.dsn_envid = buf_str(&j->pending.envid),
		.dsn_ret = j->pending.ret,
		.verp = STR_EMPTY,
	};
	int r = bounce_encode_flush(&request, BOUNCE_FLUSH, BOUNCE_FLAG_CLEAN, &m);

	return r < 0 ? r
		     : bounce_call(j->p->report_params.s.bounce_path, buf_str(&request),
			       j->p->report_params.s.ipc_timeout, NULL);
}

int intake_bounce(void *ctx, const struct intake_bounce *b)
{
	struct timeval now = msg_stats_now();
	struct queue_message *m = NULL;
	struct job j = {
		.p = ctx,
		.b = b,
		.rq = {
			.queue_name = STR(QUEUE_INCOMING),
			.queue_id = str_of(b->id),
			.encoding = b->encoding,
			.sender = b->sender,
			.stats = {
				.incoming_arrival = b->arrival,
				.active_arrival = now,
				.agent_handoff = now,
			},
		},
		.pending = { BUF(BUF_MEDIUM), BUF(BUF_MEDIUM), BUF(BUF_MEDIUM), 0, 0 },
	};
	int r = queue_message_open(&j.p->queue, STR(QUEUE_INCOMING), str_of(b->id), false, &m,
		NULL);

	if (r == 0)
		r = bounce_all(&j, m);
	if (r == 0 && j.count > 0)
		r = flush(&j);
	queue_message_close(m);
	buf_done(&j.pending.orig);
	buf_done(&j.pending.dsn_orcpt);
	buf_done(&j.pending.envid);
	return r;
}
