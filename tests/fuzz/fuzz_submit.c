/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_submit.c — what a local user sends to postdrop and submitd, into a maildrop of its own (threats
 * X1, X2). The bytes go through a stream, as they do there.
 *
 * The first byte: bit 0 the file is written on the user's behalf, bit 1 a small limit of its size, bit 2
 * senders are restricted. Whatever comes: no crash; a file is left exactly when E came and the status is
 * 0; it holds nothing but the records that a user may send, in their order, without NUL and line ends,
 * with one arrival time, at most one submit_uid (ours), a sender and a recipient.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "intake/recread.h"
#include "intake/submit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_ ((size_t)200)
#define SIZE_MAX_ 500

static const struct table_settings the_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
};
static struct submit_conf *the_confs[4];
/* In memory where that is possible: files are synced. */
static char the_dirs[][32] = { "/dev/shm/fuzz_submit.XXXXXX", "/tmp/fuzz_submit.XXXXXX" };
static const char *the_dir;

static void remove_dir(void)
{
	for (size_t i = 0; i < ARRAY_LEN(the_confs); i++)
		submit_conf_free(the_confs[i]);
	(void)rmdir("maildrop");
	(void)rmdir(the_dir);
}

static const struct submit_conf *conf(unsigned which)
{
	struct submit_settings s = {
		.authorized_submit_users = "static:all",
		.local_login_sender_maps = "static:*",
		.empty_address_local_login_sender_maps_lookup_key = "<>",
		.recipient_delimiter = "+",
		.tables = &the_tables,
	};

	if (the_confs[0] == NULL) {
		for (size_t i = 0; i < ARRAY_LEN(the_dirs) && the_dir == NULL; i++)
			the_dir = mkdtemp(the_dirs[i]);
		check(the_dir != NULL && chdir(the_dir) == 0 && atexit(remove_dir) == 0);
		check(mkdir("maildrop", 0700) == 0);
		for (unsigned i = 0; i < ARRAY_LEN(the_confs); i++) {
			s.message_size_limit = (i & 1) != 0 ? SIZE_MAX_ : 0;
			if ((i & 2) != 0)
				s.local_login_sender_maps = "inline:{ {me = a, b@c @d <>} }";
			the_confs[i] = submit_conf_new(&s);
		}
	}
	return the_confs[which];
}

static void check_record(int type, struct str data, bool on_behalf, size_t number)
{
	bool is_ours = on_behalf && number == 1;
	struct str name;
	struct str value;

	check((type == REC_TIME) == (number == 0));
	check(data.len <= LINE_MAX_ + 1);
	if (type != REC_NORM && type != REC_CONT)
		for (size_t i = 0; i < data.len; i++)
			check(data.ptr[i] != '\0' && data.ptr[i] != '\n' && data.ptr[i] != '\r');
	if (type == REC_ATTR) {
		check(rec_attr_split(data, &name, &value) == 0);
		check(str_eq(name, STR(SUBMIT_UID_ATTR)) == is_ours);
		if (is_ours)
			check(str_eq(value, STR("1234")));
	}
}

static void check_file(struct str in, bool on_behalf)
{
	static const char *const segments[] = { REC_POSTDROP_ENV, REC_POSTDROP_CONTENT,
		REC_POSTDROP_EXTRACT };
	size_t segment = 0;
	bool sender = false;
	bool rcpt = false;

	for (size_t number = 0; in.len > 0; number++) {
		struct str data;
		int type;
		ssize_t n = rec_get(in, 0, &type, &data);

		check(n > 0 && segment < ARRAY_LEN(segments));
		check(number == 0 || strchr(segments[segment], type) != NULL);
		check_record(type, data, on_behalf, number);
		if (type == segments[segment][0])
			segment++;
		sender = sender || type == REC_FROM;
		rcpt = rcpt || type == REC_RCPT;
		in = str_skip(in, (size_t)n);
	}
	check(segment == ARRAY_LEN(segments) && sender && rcpt);
}

/* Feed as postdrop does: true at E. */
static bool feed(struct submit *m, struct stream *s)
{
	_cleanup_buf_ struct buf slow = BUF(LINE_MAX_ + 2);
	struct why why = { "" };
	int r = 1;

	while (r > 0) {
		struct str data = STR_EMPTY;
		int type = recread(s, LINE_MAX_, &slow, &data);

		if (type < 0 && type != -EBADMSG)
			return false;
		r = submit_record(m, type, data, &why);
		check(r >= 0 || why.text[0] != '\0');
	}
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct submit_user user = { .uid = 1234, .login = "me" };
	_cleanup_buf_ struct buf bytes = BUF(BUF_MEDIUM);
	_cleanup_stream_ struct stream *s = NULL;
	bool on_behalf = size > 0 && (data[0] & 1) != 0;
	struct str reason = STR_EMPTY;
	char path[QUEUE_PATH_MAX];
	unsigned status = 1;
	struct submit *m;
	struct why why;
	int fd;

	if (size < 1)
		return 0;
	check(submit_open(conf(data[0] >> 1 & 3), &user, on_behalf, &m, &why) == 0);
	(void)snprintf(path, sizeof path, "maildrop/%s", submit_id(m));
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	check(lseek(fd, 0, SEEK_SET) == 0);
	s = stream_new(fd);
	if (feed(m, s))
		status = submit_finish(m, &reason);
	submit_free(m);
	check((access(path, F_OK) == 0) == (status == 0));
	if (status == 0) {
		check(fd_read_file(path, &bytes) == 0 && unlink(path) == 0);
		check((data[0] & 2) == 0 || bytes.len <= SIZE_MAX_);
		check_file(buf_str(&bytes), on_behalf);
	}
	return 0;
}
