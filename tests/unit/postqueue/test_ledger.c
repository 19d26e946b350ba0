/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "queue/dir.h"

#define ID "4jWwsM5Dftz1bnJG"
#define S  "Nov 21 15:21:27 mail postfix/"
#define BEGIN                                                                   \
	S "smtpd[1]: " ID ": client=a.example[192.0.2.1]\n" S "cleanup[1]: " ID \
	  ": message-id=<x@y>\n"
#define ACTIVE(n) S "qmgr[2]: " ID ": from=<a@b>, size=10, nrcpt=" #n " (queue active)\n"
#define TO(status) \
	S "smtp[3]: " ID ": to=<c@d>, relay=none, delay=1, dsn=1.0.0, status=" status " (x)\n"
#define OTHER(status) \
	S "smtp[3]: " ID ": to=<e@f>, relay=none, delay=1, dsn=1.0.0, status=" status " (x)\n"
#define NOTICE  S "bounce[4]: " ID ": sender non-delivery notification: 4jWwsM5WzGz1bkgw\n"
#define REMOVED S "qmgr[2]: " ID ": removed\n"

static void feed(struct ledger *l, const char *text)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');

		ledger_line(l, str_from(text, (size_t)(end - text)));
		text = end + 1;
	}
}

struct expectation {
	const char *name;
	const char *log;
	const char *queue; /* NULL: not there */
	bool partial;
	enum ledger_end end;
};

static const struct expectation cases[] = {
	{ "delivered", BEGIN ACTIVE(1) TO("sent") REMOVED, NULL, false, LEDGER_DELIVERED },
	{ "late line", BEGIN ACTIVE(1) REMOVED TO("sent"), NULL, false, LEDGER_DELIVERED },
	{ "one of two", BEGIN ACTIVE(2) TO("sent") TO("bounced") REMOVED, NULL, false,
		LEDGER_BOUNCED },
	{ "expired",
		BEGIN ACTIVE(1) TO("deferred") S
		"qmgr[2]: " ID ": from=<a@b>, status=expired, returned to sender\n" REMOVED,
		NULL, false, LEDGER_EXPIRED },
	{ "unreported", BEGIN ACTIVE(2) TO("sent") REMOVED, NULL, false, LEDGER_UNREPORTED },
	{ "discard agent",
		BEGIN ACTIVE(1) S "discard[3]: " ID
				  ": to=<c@d>, relay=none, status=sent (x)\n" REMOVED,
		NULL, false, LEDGER_DISCARDED },
	{ "discarded by rule", BEGIN S "cleanup[1]: " ID ": discard: header Subject: x from y\n",
		NULL, false, LEDGER_DISCARDED },
	{ "refused", BEGIN S "cleanup[1]: " ID ": reject: header Subject: x from y\n", NULL, false,
		LEDGER_REFUSED },
	{ "canceled", BEGIN S "smtpd[1]: " ID ": removed (canceled)\n", NULL, false,
		LEDGER_REFUSED },
	{ "disk full", BEGIN S "smtpd[1]: warning: " ID ": write queue file: No space\n", NULL,
		false, LEDGER_REFUSED },
	{ "disk full, journal", BEGIN S "smtpd[1]: warning: " ID ": journal: flush: No space\n",
		NULL, false, LEDGER_REFUSED },
	{ "qmgr's warning",
		BEGIN ACTIVE(1) S "qmgr[2]: warning: " ID ": write active/" ID
				  " from journal/0001: No space\n",
		NULL, false, LEDGER_LOST },
	{ "deleted", BEGIN ACTIVE(1) TO("deferred") S "postsuper[1]: " ID ": removed\n", NULL,
		false, LEDGER_DELETED },
	{ "deferred", BEGIN ACTIVE(1) TO("deferred"), "deferred", false, LEDGER_DEFERRED },
	{ "held", BEGIN S "cleanup[1]: " ID ": hold: header Subject: x from y\n", "hold", false,
		LEDGER_HELD },
	{ "active", BEGIN ACTIVE(1), "active", false, LEDGER_ACTIVE },
	{ "incoming", BEGIN, "incoming", false, LEDGER_INCOMING },
	{ "corrupt",
		BEGIN S "qmgr[2]: warning: saving corrupt file \"" ID
			"\" from queue \"active\" to queue \"corrupt\"\n",
		"corrupt", false, LEDGER_CORRUPT },
	{ "lost", BEGIN ACTIVE(1) TO("deferred"), NULL, false, LEDGER_LOST },
	/* A queue manager that is killed when a message is done does not say that it is removed. */
	{ "done, delivered", BEGIN ACTIVE(1) TO("sent"), NULL, false, LEDGER_DELIVERED },
	{ "done, both", BEGIN ACTIVE(2) TO("sent") OTHER("sent"), NULL, false, LEDGER_DELIVERED },
	{ "done, orig_to",
		BEGIN ACTIVE(2) TO("sent") S
		"smtp[3]: " ID ": to=<c@d>, orig_to=<e@f>, relay=none, status=sent (x)\n",
		NULL, false, LEDGER_DELIVERED },
	{ "done, bounced", BEGIN ACTIVE(1) TO("bounced") NOTICE, NULL, false, LEDGER_BOUNCED },
	{ "done, notice bounced",
		S "qmgr[2]: " ID ": from=<>, size=10, nrcpt=1 (queue active)\n" TO("bounced"), NULL,
		true, LEDGER_BOUNCED },
	{ "done, expired",
		BEGIN ACTIVE(2) TO("sent") OTHER("deferred") S
		"qmgr[2]: " ID ": from=<a@b>, status=expired, returned to sender\n" NOTICE,
		NULL, false, LEDGER_EXPIRED },
	{ "done, still there", BEGIN ACTIVE(1) TO("sent"), "active", false, LEDGER_ACTIVE },
	{ "one of two is not done", BEGIN ACTIVE(2) TO("sent"), NULL, false, LEDGER_LOST },
	{ "one of two is done twice", BEGIN ACTIVE(2) TO("sent") TO("sent"), NULL, false,
		LEDGER_LOST },
	{ "bounced, sender was not told", BEGIN ACTIVE(1) TO("bounced"), NULL, false, LEDGER_LOST },
	{ "expired, sender was not told",
		BEGIN ACTIVE(1) TO("deferred") S
		"qmgr[2]: " ID ": from=<a@b>, status=expired, returned to sender\n",
		NULL, false, LEDGER_LOST },
	{ "done, then requeued and gone",
		BEGIN ACTIVE(1) TO("sent") S "postsuper[1]: " ID ": requeued\n", NULL, false,
		LEDGER_LOST },
	{ "began and no more", BEGIN, NULL, false, LEDGER_UNKNOWN },
	{ "returned", BEGIN ACTIVE(1) TO("sent") REMOVED, "incoming", false, LEDGER_RETURNED },
	{ "notice", S "bounce[4]: 4jWwsM5WzGz1bkgw: sender non-delivery notification: " ID "\n",
		NULL, false, LEDGER_LOST },
	{ "requeued, waits", BEGIN ACTIVE(1) S "postsuper[1]: " ID ": requeued\n", "maildrop",
		false, LEDGER_MAILDROP },
	{ "requeued, gone", BEGIN ACTIVE(1) S "postsuper[1]: " ID ": requeued\n", NULL, false,
		LEDGER_LOST },
	{ "requeued, taken",
		BEGIN ACTIVE(1) S "postsuper[1]: " ID ": requeued\n" S
				  "pickup[1]: 4jWwsM5WzGz1bkgw: uid=0 from=<a@b> orig_id=" ID "\n",
		NULL, false, LEDGER_REPLACED },
	{ "renamed", BEGIN S "postsuper[1]: " ID ": renamed to 4jWwsM5WzGz1bkgw\n", NULL, false,
		LEDGER_REPLACED },
	{ "partial, removed", TO("sent") REMOVED, NULL, true, LEDGER_DELIVERED },
	{ "partial, lost", TO("deferred"), NULL, true, LEDGER_LOST },
	{ "another life of the id",
		BEGIN ACTIVE(1) TO("sent") REMOVED BEGIN ACTIVE(1) TO("deferred"), "deferred",
		false, LEDGER_DEFERRED },
};

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct expectation *c = &cases[i];
		struct ledger *l = ledger_new();
		struct ledger_counts n;

		feed(l, c->log);
		if (c->queue != NULL)
			ledger_queued(l, STR(ID), str_of(c->queue), true);
		ledger_close(l, NULL, NULL, &n);
		if ((c->partial ? n.partial : n.whole)[c->end] != 1)
			fail_msg("%s: not counted as %s", c->name, ledger_end_name(c->end));
		ledger_free(l);
	}
}

/* Short ids, other time stamps, other tags; words that are no ids. */
static void test_lines(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_counts n;
	size_t sum = 0;

	(void)state;
	feed(l, "2026-11-21T15:21:27.123+01:00 h postfix-out/submission/smtpd[1]: A1B2C3D4E5: "
		"client=x[1.2.3.4]\n"
		"x\n"
		"Nov  1 15:21:27 h postfix/qmgr[2]: A1B2C3D4E5: from=<>, size=1, nrcpt=1 (queue "
		"active)\n"
		"Nov  1 15:21:27 h postfix/smtp[2]: A1B2C3D4E5: to=<a b)@c>, status=sent (ok)\n"
		"Nov  1 15:21:27 h postfix/qmgr[2]: A1B2C3D4E5: removed\n"
		"Nov  1 15:21:27 h postfix/smtpd[2]: NOQUEUE: reject: RCPT from x\n"
		"Nov  1 15:21:27 h postfix/smtpd[2]: fatal: x: y\n"
		"Nov  1 15:21:27 h postfix/anvil[2]: statistics: max connection rate 1\n"
		"Nov  1 15:21:27 h postfix/qmgr[2]: warning: A1B2C3D4E6: removed\n"
		"Nov  1 15:21:27 h postfix/smtpd[2]: A1B2C3D4E7: filter: RCPT from x\n"
		"Nov  1 15:21:27 h sshd[2]: error: x\n"
		"]: \n[]: A1B2C3D4E8: removed\n");
	ledger_close(l, NULL, NULL, &n);
	for (size_t i = 0; i < LEDGER_END_COUNT; i++)
		sum += n.whole[i] + n.partial[i];
	assert_int_equal(n.whole[LEDGER_DELIVERED], 1);
	assert_int_equal(sum, 1);
	ledger_free(l);
}

static void count_finding(void *arg, const struct ledger_finding *f)
{
	size_t *n = arg;

	assert_int_equal(f->end, LEDGER_LOST);
	assert_true(f->has_beginning);
	(*n)++;
}

/* More messages than are remembered: all are counted, the lost ones are found. */
static void test_many(void **state)
{
	const size_t many = 4 * (size_t)LEDGER_RECENT;
	struct ledger *l = ledger_new();
	struct ledger_counts n;
	size_t found = 0, lost = 0;

	(void)state;
	for (size_t i = 0; i < many; i++) {
		char text[400];

		(void)snprintf(text, sizeof(text),
			"h smtpd[1]: %010zX: client=x\nh qmgr[1]: %010zX: from=<>, nrcpt=1 (queue "
			"active)\n",
			i + 0x100000, i + 0x100000);
		feed(l, text);
		if (i % 10000 == 77) {
			lost++;
			continue;
		}
		(void)snprintf(text, sizeof(text),
			"h smtp[1]: %010zX: to=<a>, status=sent (x)\nh qmgr[1]: %010zX: removed\n",
			i + 0x100000, i + 0x100000);
		feed(l, text);
	}
	ledger_close(l, count_finding, &found, &n);
	assert_int_equal(found, lost);
	assert_int_equal(n.whole[LEDGER_LOST], lost);
	assert_int_equal(n.whole[LEDGER_DELIVERED], many - lost);
	ledger_free(l);
}

/* Many recipients, each reported more than once, in no order. */
static void test_many_recipients(void **state)
{
	(void)state;
	for (unsigned missing = 0; missing < 2; missing++) {
		struct ledger *l = ledger_new();
		struct ledger_counts n;

		feed(l, BEGIN ACTIVE(1000));
		for (unsigned i = 0; i < 3000 - 3 * missing; i++) {
			char text[200];

			(void)snprintf(text, sizeof(text),
				S "smtp[3]: " ID ": to=<r%u@b>, relay=none, status=sent (x)\n",
				i * 7 % (1000 - missing));
			feed(l, text);
		}
		ledger_close(l, NULL, NULL, &n);
		assert_int_equal(n.whole[missing > 0 ? LEDGER_LOST : LEDGER_DELIVERED], 1);
		ledger_free(l);
	}
}

/* What the log says after the queue was read is believed for messages that are known. */
static void test_growing(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_counts n;

	(void)state;
	feed(l, BEGIN ACTIVE(1));
	ledger_queued(l, STR(ID), STR("active"), true);
	ledger_queued(l, STR("4jWwsM5WzGz1bkgw"), STR("deferred"), true);
	ledger_queued(l, STR("4jWwsM5WzHz1bkgw"), STR("incoming"), false);
	ledger_only_known(l);
	feed(l, TO("sent") REMOVED);
	feed(l, "h smtpd[1]: A1B2C3D4E5: client=x\nh qmgr[1]: A1B2C3D4E5: removed\n");
	ledger_close(l, NULL, NULL, &n);
	assert_int_equal(n.whole[LEDGER_DELIVERED], 1);
	assert_int_equal(n.whole[LEDGER_RETURNED], 0);
	assert_int_equal(n.only_queued, 1);
	ledger_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
