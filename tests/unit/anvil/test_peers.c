/* SPDX-License-Identifier: Apache-2.0 */
/* What processes have connected, and what is undone when they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "peers.h"

static const struct str A = { "smtp:192.0.2.1", 14 };
static const struct str B = { "smtp:192.0.2.2", 14 };

struct undone {
	int a, b;
};

static void undo(void *ctx, struct str ident)
{
	struct undone *u = ctx;

	if (str_eq(ident, A))
		u->a++;
	else
		u->b++;
}

static void test_last_connection_counts(void **state)
{
	struct anvil_peers p;
	struct undone u = { 0 };

	(void)state;
	peers_init(&p);
	peers_open(&p, 7);
	peers_open(&p, 7);
	peers_open(&p, 8);
	peers_connect(&p, 7, A);
	peers_connect(&p, 7, A);
	peers_connect(&p, 7, B);
	peers_connect(&p, 8, B);
	peers_disconnect(&p, 7, A);
	peers_close(&p, 7, undo, &u);
	assert_int_equal(u.a + u.b, 0);
	peers_close(&p, 7, undo, &u);
	assert_int_equal(u.a, 1);
	assert_int_equal(u.b, 1);
	/* The other process keeps its own. */
	peers_close(&p, 8, undo, &u);
	assert_int_equal(u.b, 2);
	assert_int_equal(map_count(p.processes), 0);
	peers_done(&p);
}

static void test_nothing_left(void **state)
{
	struct anvil_peers p;
	struct undone u = { 0 };

	(void)state;
	peers_init(&p);
	peers_open(&p, 7);
	peers_connect(&p, 7, A);
	peers_disconnect(&p, 7, A);
	/* What it did not count is ignored, also from a process that is not known. */
	peers_disconnect(&p, 7, A);
	peers_disconnect(&p, 7, B);
	peers_disconnect(&p, 9, B);
	peers_close(&p, 7, undo, &u);
	assert_int_equal(u.a + u.b, 0);
	/* The number may belong to another process later. */
	peers_open(&p, 7);
	peers_close(&p, 7, undo, &u);
	assert_int_equal(u.a + u.b, 0);
	peers_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_connection_counts),
		cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
