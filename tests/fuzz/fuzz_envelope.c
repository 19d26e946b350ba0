/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_envelope.c — queue files as the queue manager reads them: recipients at once and in portions
 * are the same (threats P10, X5, F6). The first byte is the size of a portion.
 */
#include "envelope.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MANY 100000

static void compare(struct queue_message *m, size_t portion, struct arena *a,
	const struct rcpt_batch *all)
{
	struct envelope e;
	struct rcpt_batch b;
	size_t seen = 0;

	check(envelope_read(m, portion, a, a, &e, &b, NULL) == 0);
	check(e.n_rcpt == all->n);
	for (;;) {
		for (size_t i = 0; i < b.n; i++, seen++) {
			check(seen < all->n);
			check(b.v[i].offset == all->v[seen].offset);
			check(str_eq(b.v[i].address, all->v[seen].address));
			check(str_eq(b.v[i].orig_addr, all->v[seen].orig_addr));
		}
		if (e.unread == 0)
			break;
		/* The guard against loops counts anew for each portion: a file may fail at once only. */
		if (envelope_more(m, &e, portion, a, &b, NULL) < 0)
			return;
		check(b.n > 0);
	}
	check(seen == all->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct queue_message *m;
	struct envelope e;
	struct rcpt_batch all;
	int fd;

	if (size < 1)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	m = queue_message_of_fd(fd);
	if (envelope_read(m, MANY, a, a, &e, &all, NULL) == 0) {
		check(e.size.data_offset > 0 && e.size.size > 0);
		if (e.n_rcpt <= MANY)
			compare(m, (size_t)data[0] % 7 + 1, a, &all);
	}
	queue_message_close(m);
	return 0;
}
