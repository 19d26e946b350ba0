/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/extract.c — records after the content, and what is added there.
 */
#include "intake/intake_priv.h"

static const char the_rcpt_types[] = "EDRO/Kon";

/* Before the first recipient, mostly at E: what the content taught. */
static void enter_rcpts(struct intake *it)
{
	if (it->in_rcpts)
		return;
	it->in_rcpts = true;
	if (it->filter.len > 0)
		intake_put(it, REC_FILT, it->filter);
	if (it->redirect.len > 0)
		intake_put(it, REC_RDR, it->redirect);
	if (it->message_id.len > 0)
		intake_put_attr(it, "message_id", it->message_id);
	if (it->attr.encoding.len > 0)
		intake_put_attr(it, "encoding", it->attr.encoding);
}

static void end_record(struct intake *it)
{
	enter_rcpts(it);
	recipient_extra_bcc(it);
	if (!intake_is_stopped(it))
		intake_put(it, REC_END, STR_EMPTY);
}

void extract_record(struct intake *it, int type, struct str data)
{
	if (type == 0 || strchr(REC_EXTRACT, type) == NULL) {
		intake_bad(it, "unexpected record type %d in extracted envelope", type);
		return;
	}
	if (strchr(the_rcpt_types, type) != NULL && type != REC_END)
		enter_rcpts(it);
	switch (type) {
	case REC_END:
		end_record(it);
		break;
	case REC_ATTR:
		envelope_attr(it, data);
		break;
	case REC_DSN_ORCPT:
		envelope_attr(it, arena_fmt(it->scratch, "dsn_orig_rcpt=" STR_FMT, STR_ARG(data)));
		break;
	case REC_DSN_NOTIFY:
		envelope_attr(it, arena_fmt(it->scratch, "notify_flags=" STR_FMT, STR_ARG(data)));
		break;
	case REC_RCPT:
	case REC_DONE:
	case REC_DRCP:
	case REC_ORCP:
		envelope_rcpt(it, type, data);
		break;
	default:
		if (it->in_rcpts)
			it->qmgr_opts |= REC_OPT_MIXED;
		intake_put(it, type, data);
		break;
	}
}
