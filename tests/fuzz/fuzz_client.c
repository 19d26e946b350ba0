/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_client.c — the mail client against any server: greeting, EHLO reply, replies to a transaction.
 *
 * First byte: the plan; second: recipients. The rest are lines that the server says. Invariants:
 * content goes out only when a recipient was accepted, each recipient gets at most one outcome, and
 * the engine comes to an end.
 */
#include "smtp/client_ehlo.h"
#include "smtp/client_tx.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RCPT 8

struct game {
	struct smtp_tx tx;
	struct smtp_reply reply;
	struct str rest;
	bool accepted[MAX_RCPT], decided[MAX_RCPT];
	size_t n;
};

/* The server's next reply; false when it has nothing more to say. */
static bool next_reply(struct game *g)
{
	smtp_reply_clear(&g->reply);
	while (g->rest.len > 0) {
		ptrdiff_t nl = str_chr(g->rest, '\n');
		struct str line = nl < 0 ? g->rest : str_head(g->rest, (size_t)nl);

		g->rest = nl < 0 ? STR_EMPTY : str_skip(g->rest, (size_t)nl + 1);
		if (smtp_reply_line(&g->reply, line) > 0)
			return true;
	}
	return false;
}

static void decide(struct game *g, size_t i)
{
	check(i < g->n && !g->decided[i]);
	g->decided[i] = true;
}

static void decide_accepted(struct game *g)
{
	for (size_t i = 0; i < g->n; i++) {
		check(g->accepted[i] == smtp_tx_accepted(&g->tx, i));
		if (g->accepted[i])
			decide(g, i);
	}
}

static void on_event(struct game *g, const struct smtp_tx_event *ev)
{
	switch (ev->kind) {
	case SMTP_TX_NOTHING:
	case SMTP_TX_STALE:
	case SMTP_TX_XFORWARD_REFUSED:
	case SMTP_TX_DATA_OK:
		break;
	case SMTP_TX_RCPT_OK:
		check(!g->accepted[ev->rcpt]);
		g->accepted[ev->rcpt] = true;
		break;
	case SMTP_TX_MAIL_REFUSED:
		for (size_t i = 0; i < g->n; i++)
			decide(g, i);
		break;
	case SMTP_TX_RCPT_REFUSED:
	case SMTP_TX_LMTP_SENT:
	case SMTP_TX_LMTP_REFUSED:
		decide(g, ev->rcpt);
		break;
	case SMTP_TX_DATA_REFUSED:
	case SMTP_TX_SENT:
	case SMTP_TX_REFUSED:
		decide_accepted(g);
		break;
	}
}

static void play(struct game *g, unsigned bits, struct arena *a)
{
	static const struct str rcpt[MAX_RCPT] = { STR("RCPT TO:<a@b>"), STR("RCPT TO:<a@b>"),
		STR("RCPT TO:<a@b>"), STR("RCPT TO:<a@b>"), STR("RCPT TO:<a@b>"),
		STR("RCPT TO:<a@b>"), STR("RCPT TO:<a@b>"), STR("RCPT TO:<a@b>") };
	struct smtp_tx_plan p = { .lmtp = bits & 1,
		.pipelining = bits & 2,
		.reused = bits & 4,
		.keep = bits & 8,
		.wait_quit = bits & 16,
		.probe = bits & 32,
		.probe_data = bits & 64,
		.window = bits & 128 ? 40 : 4096,
		.mail = STR("MAIL FROM:<>"),
		.rcpt = rcpt,
		.n_rcpt = g->n };
	enum smtp_tx_want want;
	struct buf out = BUF(BUF_SMALL);

	smtp_tx_init(&g->tx, &p, a);
	while ((want = smtp_tx_output(&g->tx, &out)) != SMTP_TX_END) {
		buf_clear(&out);
		if (want == SMTP_TX_BODY) {
			bool any = false;

			for (size_t i = 0; i < g->n; i++)
				any = any || g->accepted[i];
			check(any && !p.probe);
			smtp_tx_body_sent(&g->tx);
			continue;
		}
		check(smtp_tx_expects(&g->tx) != SMTP_STEP_END);
		if (!next_reply(g))
			break;
		struct smtp_tx_event ev = smtp_tx_reply(&g->tx, g->reply.code);
		if (ev.kind == SMTP_TX_STALE)
			break;
		on_event(g, &ev);
	}
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct game g = { 0 };
	struct smtp_features f;
	struct smtp_greeting gr;
	struct arena *a;

	if (size < 2)
		return 0;
	a = arena_new(0);
	g.n = (size_t)data[1] % MAX_RCPT + 1;
	g.rest = str_from((const char *)data + 2, size - 2);
	smtp_reply_init(&g.reply);
	if (next_reply(&g))
		smtp_greeting_parse(buf_str(&g.reply.text), &gr);
	if (next_reply(&g)) {
		smtp_features_parse(buf_str(&g.reply.text), data[1], &f);
		check((f.have & f.discarded & ~(unsigned)SMTP_F_8BITMIME) == 0);
		check(f.size_limit >= 0);
	}
	play(&g, data[0], a);
	smtp_reply_done(&g.reply);
	arena_free(a);
	return 0;
}
