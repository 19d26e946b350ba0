/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/sink.c — one face for three ways a message can go.
 *
 * Errors are remembered as status bits, so that callers may go on and ask at the end.
 */
#include <errno.h>

#include "smtpd.h"

static void set_id(struct sink *k, const char *id)
{
	size_t n = MIN(strlen(id), sizeof(k->id) - 1);

	memcpy(k->id, id, n);
	k->id[n] = '\0';
}

int sink_open(struct session *s, unsigned flags, struct why *why)
{
	struct sink *k = &s->sink;
	int r;

	sink_close(k);
	if (s->stand_alone)
		return drop_open(s->p, &k->drop, k->id, sizeof(k->id), why);
	if (s->p->intake != NULL) {
		r = intake_open(s->p->intake, flags, &k->it, why);
		if (r == 0)
			set_id(k, intake_id(k->it));
		return r;
	}
	r = post_open(s->p->cleanup_path, flags, s->c->ipc_timeout, &k->post, why);
	if (r == 0)
		set_id(k, post_id(k->post));
	return r;
}

void sink_record(struct sink *k, int type, struct str data)
{
	if (k->it != NULL) {
		(void)intake_record(k->it, type, data);
		return;
	}
	if (k->failed)
		return;
	if (k->post != NULL)
		k->failed = post_record(k->post, type, data) < 0;
	else if (k->drop != NULL)
		k->failed = drop_record(k->drop, type, data) < 0;
}

void sink_recordf(struct sink *k, int type, const char *fmt, ...)
{
	va_list ap;

	k->text.limit = BUF_SMALL;
	buf_clear(&k->text);
	va_start(ap, fmt);
	if (buf_addv(&k->text, fmt, ap) < 0)
		k->failed = true;
	va_end(ap);
	sink_record(k, type, buf_str(&k->text));
}

void sink_attr(struct sink *k, const char *name, struct str value)
{
	sink_recordf(k, REC_ATTR, "%s=" STR_FMT, name, STR_ARG(value));
}

void sink_flags(struct sink *k, unsigned flags)
{
	if (k->it != NULL)
		intake_add_flags(k->it, flags);
	else if (k->post != NULL)
		sink_recordf(k, REC_FLGS, "%u", flags);
}

unsigned sink_status(const struct sink *k)
{
	return k->failed ? INTAKE_STAT_WRITE : 0;
}

static unsigned finish(struct sink *k, struct arena *a, struct str *ret_reason)
{
	struct str reason = STR_EMPTY;
	struct why why = { .text = "" };
	unsigned status = INTAKE_STAT_WRITE;
	int r = -EPIPE;

	if (k->it != NULL) {
		k->finished = true;
		status = intake_finish(k->it, &reason);
		*ret_reason = arena_str(a, reason);
		return status;
	}
	if (k->failed) {
		log_warn("%s: the message could not be handed over", k->id);
		return INTAKE_STAT_WRITE;
	}
	if (k->post != NULL) {
		r = post_finish(k->post, &status, &reason, &why);
		if (r == 0)
			*ret_reason = arena_str(a, reason);
	} else if (k->drop != NULL) {
		r = drop_finish(k->drop, &status, a, ret_reason, &why);
	}
	if (r < 0)
		log_warn("%s: %s", k->id, why.text);
	return r < 0 ? INTAKE_STAT_WRITE : status;
}

unsigned sink_finish(struct sink *k, struct arena *a, struct str *ret_reason)
{
	*ret_reason = STR_EMPTY;
	return finish(k, a, ret_reason);
}

void sink_close(struct sink *k)
{
	if (k->it != NULL && !k->finished)
		log_info("%s: removed (canceled)", k->id);
	intake_free(k->it);
	post_free(k->post);
	drop_free(k->drop);
	*k = (struct sink){ .text = k->text };
}
