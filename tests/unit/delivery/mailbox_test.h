/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_test.h — a stored message and a request for it, and a scratch directory.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "delivery/mailbox.h"

static char mt_dir[64];

static inline int mt_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int mt_setup(void **state)
{
	(void)state;
	(void)snprintf(mt_dir, sizeof(mt_dir), "/tmp/mailbox_test.XXXXXX");
	return mkdtemp(mt_dir) == NULL || chdir(mt_dir) < 0 ? -1 : 0;
}

static inline int mt_teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : nftw(mt_dir, mt_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/** A request for a message whose content is these records ("N" line, "L" piece), then `last`. */
static inline void mt_request(struct delivery_request *rq, struct recipient *rcpt,
	const char *const *records, int last)
{
	struct buf b = BUF(BUF_MEDIUM);
	int fd = open("message", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (; *records != NULL; records++)
		assert_int_equal(rec_put(&b, (*records)[0], str_of(*records + 1)), 0);
	if (last != 0)
		assert_int_equal(rec_put(&b, last, STR_EMPTY), 0);
	assert_int_equal(fd_write_all(fd, buf_str(&b)), 0);
	buf_done(&b);
	*rcpt = (struct recipient){ .address = STR("user@example.com"),
		.orig_addr = STR("orig name@example.com") };
	*rq = (struct delivery_request){ .sender = STR("s@x.test"),
		.rcpt = rcpt,
		.n_rcpt = 1,
		.queue_id = STR("ID"),
		.msg = queue_message_of_fd(fd) };
}

/** The content of a file; free with buf_done(). */
static inline struct buf mt_read(const char *path)
{
	struct buf b = BUF(BUF_MEDIUM);

	if (fd_read_file(path, &b) < 0)
		fail_msg("cannot read %s", path);
	return b;
}

/** Ourselves, without change of identity. */
static inline struct mailbox_identity mt_self(void)
{
	return (struct mailbox_identity){ .uid = geteuid(), .gid = getegid() };
}

_unused_ static const char *const mt_message[] = { "NSubject: t", "N", "NFrom here", "LFrom ",
	"Nlong", "L ", "NFrom joined", "N>From x", "Nend", NULL };
