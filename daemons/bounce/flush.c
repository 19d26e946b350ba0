/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/flush.c — who gets which notice.
 *
 * A notice that could not be stored leaves the log alone, so that the client's next request repeats
 * it. Postmasters' copies are sent once the sender's notice is safe; their failure is only logged.
 */
#include <errno.h>

#include "address/address.h"
#include "bounce.h"

/* Bits of a trace request. */
#define TRACE_USER_PROBE 512

static const char *const kinds[] = {
	[BOUNCE_FLUSH] = "non-delivery notification",
	[BOUNCE_WARN] = "delay notification",
	[BOUNCE_VERP] = "non-delivery notification",
	[BOUNCE_ONE] = "non-delivery notification",
	[BOUNCE_TRACE] = "delivery status notification",
};

static enum template_id template_of(const struct job *job)
{
	if (job->what == BOUNCE_WARN)
		return TEMPLATE_DELAY;
	if (job->what == BOUNCE_TRACE)
		return job->flags & TRACE_USER_PROBE ? TEMPLATE_VERIFY : TEMPLATE_SUCCESS;
	return TEMPLATE_FAILURE;
}

static const struct status_entry *one_entry(const struct job *job)
{
	return job->what == BOUNCE_ONE ? &job->one : NULL;
}

static struct str double_bounce(const struct job *job)
{
	return arena_fmt(job->arena, "%s@%s", job->b->c.double_bounce_sender, job->b->c.myhostname);
}

/* Notices of ours, of whatever program: double-bounce at this host or at myorigin. */
static bool is_double_bounce(const struct job *job)
{
	const struct bounce_conf *c = &job->b->c;
	struct address_parts p = address_split(job->m.sender);

	return str_ieq(p.local, str_of(c->double_bounce_sender)) &&
	       (!p.has_at || str_ieq(p.domain, str_of(c->myhostname)) ||
		       str_ieq(p.domain, str_of(c->myorigin)));
}

/* Send and log: 0 or negative errno. */
static int send_logged(struct notice *n, const char *to)
{
	const struct job *job = n->job;
	struct str id = STR_EMPTY;
	struct why why;
	int r = notice_send(n, &id, &why);

	if (r == 0)
		log_info(STR_FMT ": %s %s: " STR_FMT, STR_ARG(job->m.queue_id), to,
			kinds[job->what], STR_ARG(id));
	else
		log_warn(STR_FMT ": %s notification failed to " STR_FMT ": %s",
			STR_ARG(job->m.queue_id), to, STR_ARG(n->recipient), why.text);
	return r;
}

/* A notice for the postmaster. */
static int to_postmaster(struct job *job, const char *recipient, bool full)
{
	struct notice n = { .job = job,
		.template = template_of(job),
		.filter = NOTICE_ALL,
		.postmaster = job->what != BOUNCE_TRACE,
		.full = full,
		.sender = double_bounce(job),
		.recipient = str_of(recipient),
		.entry = one_entry(job) };

	return send_logged(&n, "postmaster");
}

/* The postmaster's copy, when it is wanted. */
static void copy_to_postmaster(struct job *job)
{
	const struct bounce *b = job->b;

	if (job->what == BOUNCE_WARN) {
		if (b->notify_delay)
			(void)to_postmaster(job, b->c.delay_notice_recipient, false);
	} else if (job->what != BOUNCE_TRACE && b->notify_bounce) {
		(void)to_postmaster(job, b->c.bounce_notice_recipient, false);
	}
}

/* Mail from the null sender: its failure may be the postmaster's business, but nobody else's. */
static int from_null_sender(struct job *job)
{
	const struct bounce *b = job->b;

	if (job->what == BOUNCE_WARN)
		return b->notify_delay ? to_postmaster(job, b->c.delay_notice_recipient, true) : 0;
	if (b->notify_2bounce || (b->notify_bounce && job->what != BOUNCE_TRACE))
		return to_postmaster(job, b->c.second_bounce_notice_recipient,
			job->what != BOUNCE_TRACE);
	if (job->what == BOUNCE_TRACE)
		log_info(STR_FMT
			": not sending trace/success notification for single-bounce message",
			STR_ARG(job->m.queue_id));
	return 0;
}

static int from_double_bounce(const struct job *job)
{
	if (job->what == BOUNCE_TRACE)
		log_info(STR_FMT
			": not sending trace/success notification for double-bounce message",
			STR_ARG(job->m.queue_id));
	else if (job->what != BOUNCE_WARN)
		log_warn(STR_FMT ": undeliverable postmaster notification discarded",
			STR_ARG(job->m.queue_id));
	return 0;
}

static enum notice_filter filter_of(const struct job *job)
{
	return job->what == BOUNCE_TRACE  ? NOTICE_ALL
	       : job->what == BOUNCE_WARN ? NOTICE_DELAY
					  : NOTICE_FAILURE;
}

/* The sender's notice; none when no recipient is left for it. */
static int to_sender(struct job *job)
{
	struct notice n = { .job = job,
		.template = template_of(job),
		.filter = filter_of(job),
		.full = job->what != BOUNCE_WARN && job->what != BOUNCE_TRACE,
		.sender = STR_EMPTY,
		.recipient = job->m.sender,
		.entry = one_entry(job) };
	int count = notice_count(&n);

	if (count == 0)
		return 0;
	if (count < 0 && count != -ENOENT)
		log_warn(STR_FMT ": cannot read the %s log: %s", STR_ARG(job->m.queue_id),
			job->b->service, strerrordesc_np(-count));
	if (count < 0 && !notice_log_is_gone(count))
		return count; /* later, with everybody's name */
	return send_logged(&n, "sender");
}

/* One notice a recipient, to a sender address that names it. */
static int to_verp_senders(struct job *job)
{
	const struct bounce *b = job->b;
	struct notice n = { .job = job,
		.template = TEMPLATE_FAILURE,
		.filter = NOTICE_FAILURE,
		.full = true,
		.sender = STR_EMPTY };
	struct status_entry e;
	struct status_log *l;
	int r = status_log_open(&b->queue, str_of(b->service), job->m.queue_id, &l), sent = 0;

	if (r < 0)
		return to_sender(job);
	n.entry = &e;
	while (sent == 0 && (r = status_log_next(l, &e)) > 0) {
		struct buf to = BUF(BUF_SMALL);

		if (notice_count(&n) > 0 &&
			address_verp(&to, job->m.sender, job->m.verp,
				e.rcpt.orig_addr.len > 0 ? e.rcpt.orig_addr : e.rcpt.address) ==
				0) {
			n.recipient = buf_str(&to);
			sent = send_logged(&n, "sender");
		}
		buf_done(&to);
	}
	status_log_close(l);
	return sent < 0 ? sent : r;
}

/* Mark what the log names as done in the queue file. */
static void mark_done(const struct job *job)
{
	const struct bounce *b = job->b;
	struct queue_message *msg;
	struct status_entry e;
	struct status_log *l;

	if (status_log_open(&b->queue, str_of(b->service), job->m.queue_id, &l) < 0)
		return;
	if (queue_message_open(&b->queue, job->m.queue_name, job->m.queue_id, true, &msg, NULL) ==
		0) {
		while (status_log_next(l, &e) > 0)
			if (e.rcpt.offset > 0 && queue_message_mark_done(msg, e.rcpt.offset) < 0)
				log_warn(STR_FMT ": cannot mark the recipient at %lld as done",
					STR_ARG(job->m.queue_id), (long long)e.rcpt.offset);
		queue_message_close(msg);
	}
	status_log_close(l);
}

static bool has_flags(const struct job *job)
{
	return job->what == BOUNCE_FLUSH || job->what == BOUNCE_VERP;
}

static void clean_up(const struct job *job, int result)
{
	const struct bounce *b = job->b;

	if (job->what == BOUNCE_WARN || job->what == BOUNCE_ONE)
		return;
	if (result == 0 && has_flags(job) && (job->flags & BOUNCE_FLAG_DELRCPT))
		mark_done(job);
	if (result == 0 || (has_flags(job) && (job->flags & BOUNCE_FLAG_CLEAN))) {
		int r = status_log_remove(&b->queue, str_of(b->service), job->m.queue_id);

		if (r < 0)
			log_warn("remove %s log of " STR_FMT ": %s", b->service,
				STR_ARG(job->m.queue_id), strerrordesc_np(-r));
	}
}

int flush_request(struct job *job)
{
	const struct bounce *b = job->b;
	struct status_log *guard = NULL;
	int r;

	/* Keep writers out until the log is gone; they start a new one. */
	if (job->what != BOUNCE_ONE &&
		status_log_open(&b->queue, str_of(b->service), job->m.queue_id, &guard) == 0 &&
		status_log_lock(guard) < 0)
		log_warn("lock %s log of " STR_FMT, b->service, STR_ARG(job->m.queue_id));
	original_open(&job->original, &b->queue, job->m.queue_name, job->m.queue_id);
	if (is_double_bounce(job)) {
		r = from_double_bounce(job);
	} else if (job->m.sender.len == 0) {
		r = from_null_sender(job);
	} else {
		r = job->what == BOUNCE_VERP ? to_verp_senders(job) : to_sender(job);
		if (r == 0)
			copy_to_postmaster(job);
	}
	original_close(&job->original);
	clean_up(job, r);
	status_log_close(guard);
	return r;
}
