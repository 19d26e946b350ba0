/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_attr.c — attribute lists in all three encodings, from a stream (threats X1, X8).
 */
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct str in, enum attr_enc enc)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_stream_ struct stream *s = NULL;
	_cleanup_arena_ struct arena *a = arena_new(1 << 24);
	struct attr_list l;

	check(fd >= 0 && write(fd, in.ptr, in.len) == (ssize_t)in.len);
	check(lseek(fd, 0, SEEK_SET) == 0);
	s = stream_new(fd);
	while (attr_list_read(s, enc, 65536, a, &l) == 0) {
		int64_t number;
		int small;
		struct str v;

		check(l.n <= ATTR_MAX);
		for (size_t i = 0; i < l.n; i++) {
			char *name = arena_cstr(a, l.v[i].name);

			l.pos = 0;
			check(attr_str(&l, name, &v) == 0 || strlen(name) != l.v[i].name.len);
			l.pos = 0;
			(void)!attr_long(&l, name, &number);
			l.pos = 0;
			(void)!attr_int(&l, name, &small);
			l.pos = 0;
			(void)!attr_data(&l, name, a, &v);
		}
		arena_clear(a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);

	one(in, ATTR_NUL);
	one(in, ATTR_BASE64);
	one(in, ATTR_PLAIN);
	return 0;
}
