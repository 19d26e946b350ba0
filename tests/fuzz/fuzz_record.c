/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record.c — queue files: bytes as they stand in a stream, and as a file behind a handle with
 * pointers, padding and the loop guard (threats P10, X5).
 */
#include <sys/mman.h>
#include <unistd.h>

#include "queue/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void from_memory(struct str in)
{
	while (in.len > 0) {
		struct rec_size size;
		struct str text, name, value;
		int type;
		ssize_t n = rec_get(in, 0, &type, &text);

		if (n <= 0)
			return;
		check((size_t)n <= in.len && text.len < (size_t)n && type != 0);
		if (rec_parse_size(text, &size) == 0)
			check(size.data_offset > 0);
		if (rec_attr_split(text, &name, &value) == 0)
			check(name.len > 0);
		(void)rec_type_name(type);
		in = str_skip(in, (size_t)n);
	}
}

static void from_file(struct str in, bool raw)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct queue_message *m;
	struct queue_reader r;
	struct str text;

	check(fd >= 0 && write(fd, in.ptr, in.len) == (ssize_t)in.len);
	m = queue_message_of_fd(fd);
	queue_reader_init(&r, m, 0, raw);
	for (int n = 0; n < 100000 && queue_reader_next(&r, &text) > 0; n++)
		check(text.len <= in.len);
	queue_reader_done(&r);
	queue_message_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);

	from_memory(in);
	from_file(in, false);
	from_file(in, true);
	return 0;
}
