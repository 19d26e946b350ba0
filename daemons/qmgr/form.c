/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/form.c — see form.h.
 */
#include "form.h"

#include "delivery/status_log.h"

/* A refusal comes at once: what has no answer after this time was understood, and others may follow. */
#define TRIAL_TIME (USEC_PER_SEC / 2)

bool form_may_send(const struct form *f, usec_t now, usec_t *ret_wait)
{
	if (f->known || f->n_trials == 0 || now >= f->trial_since + TRIAL_TIME)
		return true;
	*ret_wait = f->trial_since + TRIAL_TIME - now;
	return false;
}

void form_sent(struct form *f, struct form_use *u, usec_t now)
{
	u->form = f->form;
	u->trial = !f->known;
	if (u->trial && f->n_trials++ == 0)
		f->trial_since = now;
}

void form_ended(struct form *f, struct form_use *u)
{
	f->n_trials -= u->trial;
	u->trial = false;
}

static enum request_form other(enum request_form form)
{
	return form == REQUEST_SENDOPTS ? REQUEST_SMTPUTF8 : REQUEST_SENDOPTS;
}

/* True when a recipient was marked as done. */
static bool has_mark(const struct form_case *c)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;
	bool done = false;

	if (queue_message_open(c->queues, STR(QUEUE_ACTIVE), c->id, false, &m, NULL) < 0)
		return false;
	for (size_t i = 0; i < c->n && !done; i++)
		done = queue_message_is_done(m, c->rcpt[i].offset);
	return done;
}

static bool is_asked_for(const struct form_case *c, struct str address)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->rcpt[i].address, address))
			return true;
	return false;
}

/* True when the defer log, which was removed before this attempt, names a recipient. */
static bool is_logged(const struct form_case *c)
{
	_cleanup_(status_log_closep) struct status_log *l = NULL;
	struct status_entry e;

	if (status_log_open(c->queues, STR(QUEUE_DEFER), c->id, &l) < 0)
		return false;
	while (status_log_next(l, &e) > 0)
		if (is_asked_for(c, e.rcpt.address))
			return true;
	return false;
}

bool form_refused(struct form *f, const struct form_case *c)
{
	bool understood = c->result->status == 0 || c->result->dsn.status.len > 0;

	if (f->known && f->form == c->use->form)
		return false;
	if (!understood)
		understood = has_mark(c) || is_logged(c);
	if (understood && !f->known) {
		f->form = c->use->form;
		f->known = true;
	}
	if (understood || c->use->refused)
		return false;
	if (!f->known)
		f->form = other(c->use->form);
	c->use->refused = true;
	return true;
}

void form_unanswered(struct form *f, const struct form_use *u)
{
	if (!f->known)
		f->form = other(u->form);
}

void form_ours(struct form *f)
{
	f->known = true;
	f->form = REQUEST_SENDOPTS;
}
