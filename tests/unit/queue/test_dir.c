/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of queue/dir.c: hashed paths, creation, moves.
 */
#include "queue/dir.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "spool.h"

static const char *const hashed[] = { "Deferred", "defer", NULL };
static const struct queue_settings depth1 = { .hashed = hashed, .hash_depth = 1 };
static const struct queue_settings depth3 = { .hashed = hashed, .hash_depth = 3, .long_ids = true };
static const struct queue_settings depth8 = { .hashed = hashed, .hash_depth = 8 };
static const struct queue_settings plain = { .hashed = NULL, .hash_depth = 1 };

static void test_paths(void **state)
{
	static const struct {
		const struct queue_settings *s;
		const char *queue;
		const char *id;
		const char *want;
	} cases[] = {
		{ &depth1, "incoming", "6EE28A86233", "incoming/6EE28A86233" },
		{ &depth1, "deferred", "6EE28A86233", "deferred/6/6EE28A86233" },
		{ &depth1, "deferred", "4jWkxw5CcQz1c9wd", "deferred/B/4jWkxw5CcQz1c9wd" },
		{ &depth3, "defer", "6EE28A86233", "defer/6/E/E/6EE28A86233" },
		{ &depth3, "defer", "4jWkxw5CcQz1c9wd", "defer/B/3/5/4jWkxw5CcQz1c9wd" },
		{ &depth8, "deferred", "abc", "deferred/a/b/c/_/_/_/_/_/abc" },
		{ &depth8, "deferred", "4jWkxw5CcQz1c9wd",
			"deferred/B/3/5/0/6/_/_/_/4jWkxw5CcQz1c9wd" },
		{ &plain, "deferred", "6EE28A86233", "deferred/6EE28A86233" },
		{ NULL, "deferred", "6EE28A86233", "deferred/6EE28A86233" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

		queue_path(cases[i].s, &b, str_of(cases[i].queue), str_of(cases[i].id));
		assert_string_equal(buf_cstr(&b), cases[i].want);
	}
}

static void check_created(const struct queue_settings *s, const char *queue)
{
	struct queue_file f;
	struct queue_id_parts p;
	struct stat st;
	struct stat by_path;
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);

	assert_int_equal(queue_create(s, str_of(queue), 0600, &f, NULL), 0);
	assert_int_equal(queue_id_parse(str_of(f.id), &p), 0);
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(p.inode, st.st_ino);
	assert_int_equal(p.usec, f.created.tv_usec);
	assert_int_equal(p.is_long, s->long_ids);
	queue_path(s, &path, str_of(queue), str_of(f.id));
	assert_int_equal(stat(buf_cstr(&path), &by_path), 0);
	assert_int_equal(by_path.st_ino, st.st_ino);
	assert_int_equal(fd_close_checked(f.fd), 0);
	assert_int_equal(queue_remove(s, str_of(queue), str_of(f.id)), 0);
	assert_int_equal(queue_remove(s, str_of(queue), str_of(f.id)), -ENOENT);
}

static void *create_one(void *arg)
{
	struct queue_file f;

	assert_int_equal(queue_create(arg, STR("incoming"), 0600, &f, NULL), 0);
	fd_close(f.fd);
	return NULL;
}

static void test_create(void **state)
{
	struct queue_file f;
	struct why why;

	(void)state;
	check_created(&depth1, "incoming");
	check_created(&depth1, "deferred");
	check_created(&depth3, "deferred");
	assert_int_equal(queue_create(&depth1, STR("nowhere"), 0600, &f, &why), -ENOENT);
	assert_non_null(strstr(why.text, "nowhere/"));
	assert_int_equal(queue_create(&depth1, STR("../x"), 0600, &f, &why), -EINVAL);
}

/* Who is to create waits while another one does, and lets the next one in whatever came of it. */
static void test_create_in_turn(void **state)
{
	static const char *const queues[] = { "incoming", "nowhere", "../x", "incoming" };
	pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
	struct queue_settings s = { .hash_depth = 1, .creating = &creating };
	struct timespec until;
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		struct queue_file f = { .fd = -1 };

		if (queue_create(&s, str_of(queues[i]), 0600, &f, NULL) == 0)
			fd_close(f.fd);
		assert_int_equal(pthread_mutex_trylock(&creating), 0);
		assert_int_equal(pthread_mutex_unlock(&creating), 0);
	}
	assert_int_equal(pthread_mutex_lock(&creating), 0);
	assert_int_equal(pthread_create(&thread, NULL, create_one, &s), 0);
	/* Without the lock it would long be done then. */
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &until), ETIMEDOUT);
	assert_int_equal(pthread_mutex_unlock(&creating), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_move(void **state)
{
	struct str id = STR("6EE28A86233");
	int fd = queue_open(&depth1, STR("incoming"), id, O_CREAT | O_RDWR, 0600);
	struct why why;

	(void)state;
	assert_true(fd >= 0);
	fd_close(fd);
	assert_int_equal(queue_move(&depth1, id, STR("incoming"), STR("deferred"), &why), 0);
	assert_int_equal(access("deferred/6/6EE28A86233", F_OK), 0);
	assert_int_equal(queue_move(&depth1, id, STR("incoming"), STR("deferred"), &why), -ENOENT);
	assert_int_equal(queue_move(&depth1, id, STR("deferred"), STR("active"), &why), 0);
	assert_int_equal(access("active/6EE28A86233", F_OK), 0);
	assert_int_equal(queue_move(&depth1, STR("../x"), STR("active"), STR("hold"), &why),
		-EINVAL);
	assert_int_equal(queue_move(&depth1, id, STR("active"), STR("a/b"), &why), -EINVAL);
}

static void test_open(void **state)
{
	int fd;

	(void)state;
	fd = queue_open(&depth1, STR("defer"), STR("ABC"), O_RDONLY, 0);
	assert_int_equal(fd, -ENOENT);
	fd = queue_open(&depth1, STR("defer"), STR("ABC"), O_CREAT | O_APPEND | O_RDWR, 0600);
	assert_true(fd >= 0);
	fd_close(fd);
	assert_int_equal(access("defer/A/ABC", F_OK), 0);
	assert_int_equal(symlink("/etc/passwd", "incoming/LINK"), 0);
	assert_int_equal(queue_open(&depth1, STR("incoming"), STR("LINK"), O_RDONLY, 0), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test_setup_teardown(test_create, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_create_in_turn, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_move, spool_setup, spool_teardown),
		cmocka_unit_test_setup_teardown(test_open, spool_setup, spool_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
