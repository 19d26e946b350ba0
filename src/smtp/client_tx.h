/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_tx.h — one mail transaction as a client: which command may be sent now, and what each
 * reply means. Pure: bytes out, reply codes in, events out; no descriptor, no clock.
 *
 * With PIPELINING the commands up to DATA go out together as long as what was not answered fits the
 * window; content goes out only after DATA was answered; the dot and QUIT go together. Without it
 * there is one command a round trip.
 *
 *   while ((want = smtp_tx_output(&t, &out)) != SMTP_TX_END)
 *           write(out);
 *           if (want == SMTP_TX_BODY) { write the content; smtp_tx_body_sent(&t); }
 *           else event = smtp_tx_reply(&t, code of the next reply);
 *
 * Invariants: content is wanted only when at least one recipient was accepted; every reply that the
 * server owes is waited for, QUIT's only when asked for; no event is given twice for a recipient.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum smtp_step {
	SMTP_STEP_RSET_PROBE, /* is the cached connection alive? */
	SMTP_STEP_XFORWARD1,
	SMTP_STEP_XFORWARD2,
	SMTP_STEP_MAIL,
	SMTP_STEP_RCPT,
	SMTP_STEP_DATA,
	SMTP_STEP_DOT,
	SMTP_STEP_RSET,
	SMTP_STEP_QUIT,
	SMTP_STEP_END,
};

struct smtp_tx_plan {
	bool lmtp;
	bool pipelining;
	bool reused;                     /* cached connection: RSET first */
	bool keep;                       /* no QUIT: the connection goes to the cache */
	bool wait_quit;                  /* read the reply to QUIT */
	bool probe;                      /* address probe: no content */
	bool probe_data;                 /* probe up to DATA, then hang up */
	size_t window;                   /* bytes that may be unanswered */
	struct str xforward1, xforward2; /* whole commands, "" none */
	struct str mail;
	const struct str *rcpt; /* whole commands */
	size_t n_rcpt;          /* at least 1 */
};

enum smtp_tx_event_kind {
	SMTP_TX_NOTHING,
	SMTP_TX_STALE, /* RSET of a reused connection was refused: start over elsewhere */
	SMTP_TX_XFORWARD_REFUSED, /* worth a warning; the transaction goes on */
	SMTP_TX_MAIL_REFUSED,     /* all recipients */
	SMTP_TX_RCPT_OK,          /* recipient `rcpt` was accepted */
	SMTP_TX_RCPT_REFUSED,     /* recipient `rcpt` */
	SMTP_TX_DATA_REFUSED,     /* all accepted recipients */
	SMTP_TX_DATA_OK,
	SMTP_TX_SENT,         /* all accepted recipients */
	SMTP_TX_REFUSED,      /* all accepted recipients, after the content */
	SMTP_TX_LMTP_SENT,    /* recipient `rcpt` */
	SMTP_TX_LMTP_REFUSED, /* recipient `rcpt`, after the content */
};

struct smtp_tx_event {
	enum smtp_tx_event_kind kind;
	enum smtp_step step; /* what the reply answers */
	size_t rcpt;
};

enum smtp_tx_want {
	SMTP_TX_REPLY,
	SMTP_TX_BODY,
	SMTP_TX_END,
};

struct smtp_tx {
	struct smtp_tx_plan p;
	enum smtp_step send; /* next command */
	size_t send_rcpt;
	size_t unanswered;   /* bytes */
	bool draining;       /* the window was full: read all replies first */
	unsigned char *owed; /* steps whose replies are owed, oldest first */
	unsigned *owed_len;  /* and the bytes of their commands */
	size_t owed_head, owed_tail;
	bool *accepted_rcpt;
	size_t recv_rcpt, lmtp_rcpt, accepted;
	bool mail_refused, data_sent, data_ok, body_due, hangup, stale;
};

/**
 * Begin.
 *
 * @param p   copied; the strings must live as long
 * @param a   owns what grows with the number of recipients
 */
void smtp_tx_init(struct smtp_tx *t, const struct smtp_tx_plan *p, struct arena *a);
/**
 * Append the commands that may be sent now, and tell what must happen next.
 *
 * @param out   gets at most the window plus one command; its limit must allow that (check()ed)
 */
enum smtp_tx_want smtp_tx_output(struct smtp_tx *t, struct buf *out);
/** The step whose reply comes next; SMTP_STEP_END when none is owed. */
enum smtp_step smtp_tx_expects(const struct smtp_tx *t);
/** Replies that are owed. */
size_t smtp_tx_owed(const struct smtp_tx *t);
/** The content was written, without the final dot. */
void smtp_tx_body_sent(struct smtp_tx *t);
/**
 * Take the code of the next reply; one must be owed.
 *
 * After 421 nothing more is sent: the server is about to close.
 */
struct smtp_tx_event smtp_tx_reply(struct smtp_tx *t, int code);
/** Recipient `i` was accepted by RCPT TO. */
bool smtp_tx_accepted(const struct smtp_tx *t, size_t i);
/** 421 came while some recipients had neither been refused nor got a final answer. */
bool smtp_tx_is_cut(const struct smtp_tx *t);
/** The connection may be used again: all was answered, and no 421. */
bool smtp_tx_is_clean(const struct smtp_tx *t);
