/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_request.c — delivery requests as an agent reads them, and answers as a requester does.
 *
 * What the queue manager's socket carries is not trusted (threats X1, X8).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "delivery/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stream *over(const uint8_t *data, size_t size, int out)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	return stream_new_pair(fd, out);
}

static void close_over(struct stream *s)
{
	int fd = stream_fd(s);

	stream_free(s);
	fd_close(fd);
}

static void as_agent(const uint8_t *data, size_t size, int out)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct stream *s = over(data, size, out);
	struct delivery_request rq = { 0 };
	struct why why;
	int e = request_read(s, NULL, a, &rq, &why);

	/* No such queue file here, so at best the file is missing. */
	check(e < 0 && rq.msg == NULL);
	close_over(s);
}

static void as_requester(const uint8_t *data, size_t size, int out)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct stream *s = over(data, size, out);
	struct request_result res;
	struct attr_list l;

	if (attr_list_read(s, ATTR_NUL, 65536, a, &l) == 0 &&
		request_result_parse(&l, a, &res) == 0)
		check(res.dsn.status.len + res.dsn.reason.len <= size);
	close_over(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	check(out >= 0);
	as_agent(data, size, out);
	as_requester(data, size, out);
	fd_close(out);
	return 0;
}
