/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogues of a client transaction: what goes out in one write ("C:", commands joined by |), the
 * code of the reply ("S:"), and what it meant.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/client_tx.h"

static const struct str rcpts[] = { { "RCPT a", 6 }, { "RCPT b", 6 }, { "RCPT c", 6 } };

static const char *const event_names[] = {
	[SMTP_TX_NOTHING] = NULL,
	[SMTP_TX_STALE] = "stale",
	[SMTP_TX_XFORWARD_REFUSED] = "xforward refused",
	[SMTP_TX_MAIL_REFUSED] = "mail refused",
	[SMTP_TX_RCPT_OK] = "rcpt ok",
	[SMTP_TX_RCPT_REFUSED] = "rcpt refused",
	[SMTP_TX_DATA_REFUSED] = "data refused",
	[SMTP_TX_DATA_OK] = "data ok",
	[SMTP_TX_SENT] = "sent",
	[SMTP_TX_REFUSED] = "refused",
	[SMTP_TX_LMTP_SENT] = "lmtp sent",
	[SMTP_TX_LMTP_REFUSED] = "lmtp refused",
};

static void put_output(struct buf *t, const struct buf *out)
{
	if (out->len == 0)
		return;
	buf_puts(t, "C:");
	for (size_t i = 0; i + 1 < out->len; i++) {
		if (out->ptr[i] == '\r' && out->ptr[i + 1] == '\n') {
			if (i + 2 < out->len)
				buf_putc(t, '|');
			i++;
		} else {
			buf_putc(t, out->ptr[i]);
		}
	}
	buf_putc(t, '\n');
}

/* Play a dialogue with the codes given (0 ends them); the transcript must be as wanted. */
static void play(const char *name, struct smtp_tx_plan plan, const int *codes, const char *want,
	bool clean)
{
	struct arena *a = arena_new(0);
	struct buf t = BUF(BUF_SMALL);
	struct smtp_tx tx;
	enum smtp_tx_want w;

	plan.mail = STR("MAIL");
	plan.rcpt = rcpts;
	if (plan.n_rcpt == 0)
		plan.n_rcpt = 1;
	if (plan.window == 0)
		plan.window = 4096;
	smtp_tx_init(&tx, &plan, a);
	for (;;) {
		struct buf out = BUF(BUF_SMALL);

		w = smtp_tx_output(&tx, &out);
		put_output(&t, &out);
		buf_done(&out);
		if (w == SMTP_TX_END)
			break;
		if (w == SMTP_TX_BODY) {
			buf_puts(&t, "body\n");
			smtp_tx_body_sent(&tx);
			continue;
		}
		if (*codes == 0) {
			buf_puts(&t, "?\n");
			break;
		}
		struct smtp_tx_event ev = smtp_tx_reply(&tx, *codes);
		buf_putf(&t, "S:%d", *codes++);
		if (event_names[ev.kind] != NULL)
			buf_putf(&t, " %s", event_names[ev.kind]);
		if (ev.kind == SMTP_TX_RCPT_REFUSED || ev.kind == SMTP_TX_LMTP_SENT ||
			ev.kind == SMTP_TX_LMTP_REFUSED)
			buf_putf(&t, " %zu", ev.rcpt);
		buf_putc(&t, '\n');
		if (ev.kind == SMTP_TX_STALE)
			break;
	}
	if (*codes != 0 || !str_eq(buf_str(&t), str_of(want)))
		fail_msg("%s:\n%s\nwanted:\n%s", name, buf_cstr(&t), want);
	if (smtp_tx_is_cut(&tx) != (strstr(name, "cut") != NULL))
		fail_msg("%s: cut is wrong", name);
	if (smtp_tx_is_clean(&tx) != clean)
		fail_msg("%s: clean is %d", name, !clean);
	buf_done(&t);
	arena_free(a);
}

#define CODES(...) ((const int[]){ __VA_ARGS__, 0 })

static void test_plain(void **state)
{
	(void)state;
	play("one command a round trip", (struct smtp_tx_plan){ 0 }, CODES(250, 250, 354, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:354 data ok\nbody\nC:.\n"
		"S:250 sent\nC:QUIT\n",
		false);
	play("wait for QUIT", (struct smtp_tx_plan){ .wait_quit = true },
		CODES(250, 250, 354, 250, 221),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:354 data ok\nbody\nC:.\n"
		"S:250 sent\nC:QUIT\nS:221\n",
		false);
	play("nobody accepted", (struct smtp_tx_plan){ .n_rcpt = 2 }, CODES(250, 550, 450, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:550 rcpt refused 0\nC:RCPT b\nS:450 rcpt refused 1\n"
		"C:RSET\nS:250\nC:QUIT\n",
		false);
	play("sender refused", (struct smtp_tx_plan){ .n_rcpt = 2 }, CODES(550, 250),
		"C:MAIL\nS:550 mail refused\nC:RSET\nS:250\nC:QUIT\n", false);
	play("DATA refused", (struct smtp_tx_plan){ 0 }, CODES(250, 250, 554, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:554 data refused\nC:RSET\n"
		"S:250\nC:QUIT\n",
		false);
	play("content refused", (struct smtp_tx_plan){ 0 }, CODES(250, 250, 354, 552),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:354 data ok\nbody\nC:.\n"
		"S:552 refused\nC:QUIT\n",
		false);
}

static void test_pipelining(void **state)
{
	struct smtp_tx_plan p = { .pipelining = true, .n_rcpt = 3 };

	(void)state;
	play("all at once", p, CODES(250, 250, 550, 250, 354, 250),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:250\nS:250 rcpt ok\nS:550 rcpt refused 1\n"
		"S:250 rcpt ok\nS:354 data ok\nbody\nC:.|QUIT\nS:250 sent\n",
		false);
	play("nobody accepted, but 354", p, CODES(250, 550, 550, 550, 354, 554),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:250\nS:550 rcpt refused 0\n"
		"S:550 rcpt refused 1\nS:550 rcpt refused 2\nS:354\nC:.|QUIT\nS:554\n",
		false);
	play("nobody accepted", p, CODES(250, 550, 550, 550, 503, 250),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:250\nS:550 rcpt refused 0\n"
		"S:550 rcpt refused 1\nS:550 rcpt refused 2\nS:503\nC:RSET|QUIT\nS:250\n",
		false);
	play("sender refused", p, CODES(451, 503, 503, 503, 503, 250),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:451 mail refused\nS:503\nS:503\nS:503\nS:503\n"
		"C:RSET|QUIT\nS:250\n",
		false);
	play("sender refused, recipient taken, 354", p, CODES(451, 250, 250, 250, 354, 250),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:451 mail refused\nS:250\nS:250\nS:250\nS:354\n"
		"C:.|QUIT\nS:250\n",
		false);
	p.window = 16;
	play("small window", p, CODES(250, 250, 250, 250, 354, 250),
		"C:MAIL|RCPT a\nS:250\nS:250 rcpt ok\nC:RCPT b|RCPT c\nS:250 rcpt ok\n"
		"S:250 rcpt ok\nC:DATA\nS:354 data ok\nbody\nC:.|QUIT\nS:250 sent\n",
		false);
	p.window = 1;
	play("window smaller than any command", p, CODES(250, 550, 550, 550, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:550 rcpt refused 0\nC:RCPT b\nS:550 rcpt refused 1\n"
		"C:RCPT c\nS:550 rcpt refused 2\nC:RSET\nS:250\nC:QUIT\n",
		false);
}

static void test_probe(void **state)
{
	struct smtp_tx_plan p = { .pipelining = true, .probe = true };

	(void)state;
	play("probe", p, CODES(250, 250, 250),
		"C:MAIL|RCPT a|RSET|QUIT\nS:250\nS:250 rcpt ok\nS:250\n", false);
	p.pipelining = false;
	play("slow probe", p, CODES(250, 550, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:550 rcpt refused 0\nC:RSET\nS:250\nC:QUIT\n", false);
	p.probe_data = true;
	play("probe with DATA", p, CODES(250, 250, 354),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:354 data ok\n", false);
	play("probe with DATA refused", p, CODES(250, 250, 554, 250),
		"C:MAIL\nS:250\nC:RCPT a\nS:250 rcpt ok\nC:DATA\nS:554 data refused\nC:RSET\n"
		"S:250\nC:QUIT\n",
		false);
}

static void test_cache(void **state)
{
	struct smtp_tx_plan p = { .pipelining = true, .keep = true, .reused = true };

	(void)state;
	play("kept and reused", p, CODES(250, 250, 250, 354, 250),
		"C:RSET|MAIL|RCPT a|DATA\nS:250\nS:250\nS:250 rcpt ok\nS:354 data ok\nbody\nC:.\n"
		"S:250 sent\n",
		true);
	play("gone stale", p, CODES(500), "C:RSET|MAIL|RCPT a|DATA\nS:500 stale\n", false);
	p.reused = false;
	play("refused, but kept", p, CODES(250, 550, 503, 250),
		"C:MAIL|RCPT a|DATA\nS:250\nS:550 rcpt refused 0\nS:503\nC:RSET\nS:250\n", true);
	play("421 is the end", p, CODES(250, 250, 354, 421),
		"C:MAIL|RCPT a|DATA\nS:250\nS:250 rcpt ok\nS:354 data ok\nbody\nC:.\n"
		"S:421 refused\n",
		false);
}

static void test_hangup(void **state)
{
	struct smtp_tx_plan p = { .n_rcpt = 3 };

	(void)state;
	play("421 to RCPT, others cut", p, CODES(250, 421),
		"C:MAIL\nS:250\nC:RCPT a\nS:421 rcpt refused 0\n", false);
	p.pipelining = true;
	play("421 to MAIL, the rest is owed", p, CODES(421),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:421 mail refused\n?\n", false);
}

static void test_lmtp(void **state)
{
	struct smtp_tx_plan p = { .lmtp = true,
		.pipelining = true,
		.n_rcpt = 3,
		.wait_quit = true };

	(void)state;
	play("one reply a recipient", p, CODES(250, 250, 550, 250, 354, 250, 452, 221),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:250\nS:250 rcpt ok\nS:550 rcpt refused 1\n"
		"S:250 rcpt ok\nS:354 data ok\nbody\nC:.|QUIT\nS:250 lmtp sent 0\n"
		"S:452 lmtp refused 2\nS:221\n",
		false);
	play("nobody, but 354", p, CODES(250, 550, 550, 550, 354, 503, 221),
		"C:MAIL|RCPT a|RCPT b|RCPT c|DATA\nS:250\nS:550 rcpt refused 0\n"
		"S:550 rcpt refused 1\nS:550 rcpt refused 2\nS:354\nC:.|QUIT\nS:503\nS:221\n",
		false);
}

static void test_xforward(void **state)
{
	struct smtp_tx_plan p = { .pipelining = true,
		.xforward1 = STR("XF1"),
		.xforward2 = STR("XF2") };

	(void)state;
	play("refusal goes on", p, CODES(501, 250, 250, 250, 354, 250),
		"C:XF1|XF2|MAIL|RCPT a|DATA\nS:501 xforward refused\nS:250\nS:250\nS:250 rcpt ok\n"
		"S:354 data ok\nbody\nC:.|QUIT\nS:250 sent\n",
		false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_hangup),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_xforward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
