/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/form.h — which form of the delivery request the agents of a transport take.
 *
 * Nothing in an agent's greeting tells. An agent refuses the form it does not know before it does
 * anything, with the answer that it also gives when it has deferred every recipient: no reason,
 * something left. The two differ in what they leave behind, a mark in the queue file or an entry in the
 * defer log. So a request that was refused without a trace is put once more in the other form; the
 * first one that was surely understood decides for the transport, as long as this process lives.
 */
#pragma once

#include "delivery/request.h"

/** What is known of one transport. Zero: nothing. */
struct form {
	enum request_form form; /* for the next request */
	bool known;             /* it was understood */
	size_t n_trials;        /* requests under way that were sent before it was known */
	usec_t trial_since;     /* when the first of them was sent */
};

/** What is known of one request; embedded in the owner's. */
struct form_use {
	enum request_form form; /* in which it was sent */
	bool trial;             /* before the form was known */
	bool refused;           /* in the other form */
};

/** A request with its answer, to be judged. */
struct form_case {
	struct form_use *use;
	const struct queue_settings *queues;
	struct str id; /* of the message, a file in active/ */
	const struct recipient *rcpt;
	size_t n;
	const struct request_result *result;
};

/** True when one more request may be sent at `now`; else *ret_wait is the time until then. */
_must_use_ bool form_may_send(const struct form *f, usec_t now, usec_t *ret_wait);
/** A request is sent, in f->form. */
void form_sent(struct form *f, struct form_use *u, usec_t now);
/** The end of a request, with or without answer. */
void form_ended(struct form *f, struct form_use *u);
/**
 * Judge an answer. Reads the message's file and its defer log while the form is not known.
 *
 * @return true: the request was not understood, and is to be sent again
 */
_must_use_ bool form_refused(struct form *f, const struct form_case *c);
/** The agent ended the connection without an answer: perhaps it knows the other form only. */
void form_unanswered(struct form *f, const struct form_use *u);
/** The agent is ours: it takes both. */
void form_ours(struct form *f);
