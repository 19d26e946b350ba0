/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of net/socket.c over loopback and UNIX sockets.
 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static usec_t soon(void)
{
	return clock_deadline(10 * USEC_PER_SEC);
}

static void test_inet(void **state)
{
	_cleanup_close_ int listener = -1;
	_cleanup_close_ int client = -1;
	_cleanup_close_ int server = -1;
	struct net_addr a;
	struct net_addr from;
	struct net_addr peer;
	struct net_addr local;
	struct why why = { "" };

	(void)state;
	assert_int_equal(net_addr_parse(STR("127.0.0.1"), 0, &a), 0);
	from = a;
	listener = net_listen(&a, 10, &why);
	assert_true(listener >= 0);
	assert_true(net_local(listener, &a));
	assert_int_equal(net_accept(listener, NULL), -EAGAIN);
	client = net_connect(&a, &from, soon(), &why);
	assert_true(client >= 0);
	assert_int_equal(fd_wait(listener, POLLIN, soon()), 0);
	server = net_accept(listener, &peer);
	assert_true(server >= 0);
	assert_int_equal(fcntl(server, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	assert_true((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true(net_local(client, &local));
	assert_true(net_addr_eq(&peer, &local, true));
	assert_true(net_peer(client, &peer));
	assert_true(net_addr_eq(&peer, &a, true));
	fd_close(TAKE_FD(listener));
	assert_int_equal(net_connect(&a, NULL, soon(), &why), -ECONNREFUSED);
	assert_non_null(strstr(why.text, "connect to [127.0.0.1]:"));
	assert_false(net_peer(0x7fff, &peer));
}

static void test_unix(void **state)
{
	char dir[] = "/tmp/test-socket-XXXXXX";
	char path[64];
	char longpath[200];
	struct why why = { "" };
	struct stat st;
	uid_t uid = 0;
	int listener;
	int fds[8];
	int n = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/s", dir);
	assert_int_equal(net_connect_unix(path, soon(), &why), -ENOENT);
	listener = net_listen_unix(path, 0666, 1, &why);
	assert_true(listener >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	/* The backlog fills up, then the deadline ends the wait. */
	while (n < 8) {
		fds[n] = net_connect_unix(path, clock_deadline(30 * USEC_PER_MSEC), &why);
		if (fds[n] < 0)
			break;
		n++;
	}
	assert_true(n > 0 && n < 8);
	assert_int_equal(fds[n], -ETIMEDOUT);
	assert_int_equal(net_connect_unix(path, clock_now() - 1, &why), -ETIMEDOUT);
	fds[n] = net_accept(listener, NULL);
	assert_true(fds[n] >= 0);
	assert_int_equal(net_peer_uid(fds[n], &uid, NULL), 0);
	assert_int_equal(uid, getuid());
	for (int i = 0; i <= n; i++)
		fd_close(fds[i]);
	fd_close(listener);
	/* Who has a name, and who has none. */
	listener = net_listen_unix(path, 0666, 5, &why);
	assert_true(listener >= 0);
	for (n = 0; n < 2; n++) {
		struct net_addr peer;
		int c = n == 0 ? net_connect_unix(path, soon(), &why)
			       : net_connect_unix_named(path, soon(), &why);
		int s = net_accept(listener, &peer);

		assert_true(c >= 0 && s >= 0);
		assert_int_equal(net_is_named(&peer), n);
		fd_close(c);
		fd_close(s);
	}
	fd_close(listener);
	listener = net_bind_dgram(path, 0600, &why);
	assert_true(listener >= 0);
	fd_close(listener);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	memset(longpath, 'x', sizeof longpath - 1);
	longpath[sizeof longpath - 1] = '\0';
	assert_int_equal(net_listen_unix(longpath, 0600, 1, &why), -ENAMETOOLONG);
	assert_int_equal(net_connect_unix(longpath, soon(), &why), -ENAMETOOLONG);
}

static void test_resolve(void **state)
{
	struct net_addr v[8];
	struct why why = { "" };
	char text[NET_ADDR_TEXT];

	(void)state;
	assert_int_equal(net_resolve(STR("127.0.0.1"), STR("25"), NET_IPV4, v, 8, &why), 1);
	net_addr_text(&v[0], text);
	assert_string_equal(text, "127.0.0.1");
	assert_int_equal(net_addr_port(&v[0]), 25);
	assert_int_equal(net_resolve(STR_EMPTY, STR("25"), NET_IPV4, v, 8, &why), 1);
	net_addr_text(&v[0], text);
	assert_string_equal(text, "0.0.0.0");
	assert_true(net_resolve(STR_EMPTY, STR("25"), NET_IPV4 | NET_IPV6, v, 8, &why) >= 1);
	assert_int_equal(net_resolve(STR("::1"), STR("25"), NET_IPV4, v, 8, &why), -ENOENT);
	assert_int_equal(net_resolve(STR("127.0.0.1"), STR("no such"), NET_IPV4, v, 8, &why),
		-EINVAL);
	assert_true(net_interfaces(NET_IPV4, v, 8, &why) >= 1);
	assert_int_equal(net_interfaces(0, v, 8, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
