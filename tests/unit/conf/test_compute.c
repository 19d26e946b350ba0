/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults that come from the host.
 */
#include "dir.h"

#include <errno.h>

#include "conf/conf.h"

/** Value of a parameter after settings (NULL-terminated list). */
static void expect(const char *const *settings, const char *name, const char *want)
{
	_cleanup_(conf_freep) struct conf *c = conf_new("/x");
	_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
	struct why why = { "" };

	for (; *settings != NULL; settings++)
		assert_int_equal(conf_override(c, str_of(*settings), &why), 0);
	if (conf_expand(c, name, &got, &why) != 0)
		fail_msg("%s: %s", name, why.text);
	if (strcmp(buf_cstr(&got), want) != 0)
		fail_msg("%s: %s", name, buf_cstr(&got));
}

static void names(void **state)
{
	char host[256] = "", own[300], id[32];

	(void)state;
	expect((const char *const[]){ "myhostname=a.b.c", NULL }, "mydomain", "b.c");
	expect((const char *const[]){ "myhostname=a", NULL }, "mydomain", "localdomain");
	expect((const char *const[]){ "myhostname=a.b.", NULL }, "mydomain", "b.");
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	if (strchr(host, '.') == NULL) {
		snprintf(own, sizeof own, "%s.ex.com", host);
		expect((const char *const[]){ "mydomain=ex.com", NULL }, "myhostname", own);
		snprintf(own, sizeof own, "%s.localdomain", host);
		expect((const char *const[]){ NULL }, "myhostname", own);
	}
	snprintf(id, sizeof id, "%ld", (long)getpid());
	expect((const char *const[]){ NULL }, "process_id", id);
	expect((const char *const[]){ NULL }, "process_name", "test_conf_compute");
	expect((const char *const[]){ NULL }, "service_name", "amnesiac");
	expect((const char *const[]){ "service_name=smtp", NULL }, "service_name", "smtp");
}

static void networks(void **state)
{
	(void)state;
	expect((const char *const[]){ "inet_interfaces=127.0.0.1", "inet_protocols=ipv4", NULL },
		"mynetworks", "127.0.0.0/8");
	expect((const char *const[]){ "inet_interfaces=[127.0.0.1], 127.0.0.1",
		       "inet_protocols=ipv4", "compatibility_level=2", NULL },
		"mynetworks", "127.0.0.1/32");
	expect((const char *const[]){ "inet_interfaces=loopback-only", "inet_protocols=ipv4",
		       "mynetworks_style=host", NULL },
		"mynetworks", "127.0.0.1/32");
	expect((const char *const[]){ "inet_interfaces=127.0.0.1", "inet_protocols=ipv4",
		       "mynetworks_style=class", NULL },
		"mynetworks", "127.0.0.0/8");
	expect((const char *const[]){ "inet_interfaces=127.0.0.1", "inet_protocols=ipv6", NULL },
		"mynetworks", "");
	expect((const char *const[]){ "mynetworks=10.0.0.0/8", "inet_interfaces=bad name", NULL },
		"mynetworks", "10.0.0.0/8");
}

static void failures(void **state)
{
	static const char *const settings[] = { "mynetworks_style=all", "inet_interfaces=${",
		"mydomain=${", "mydomain=$myhostname", "inet_interfaces=$mynetworks" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		_cleanup_(conf_freep) struct conf *c = conf_new("/x");
		_cleanup_buf_ struct buf got = BUF(BUF_SMALL);
		struct why why = { "" };
		int r;

		assert_int_equal(conf_override(c, str_of(settings[i]), &why), 0);
		r = conf_expand(c, i == 2 || i == 3 ? "mydomain" : "mynetworks", &got, &why);
		if (r != -EINVAL || why.text[0] == '\0' || got.len > 0)
			fail_msg("%s: %d", settings[i], r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(networks),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
