/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service of the internal protocols for tests: a thread that greets, keeps each request as text
 * ("name=value;" of all attributes) and answers with a status.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "../queue/spool.h"
#include "base/mem.h"
#include "ipc/attr.h"
#include "net/socket.h"

#define FAKE_REQUESTS 16

struct fake {
	const char *protocol;
	int status;         /* answered */
	bool silent;        /* hang up instead of answering */
	const char *refuse; /* requests with this text in them get `refusal` as answer */
	struct str refusal;
	const char *answer; /* sent instead of the status list when not NULL */
	size_t answer_len;
	int lists; /* attribute lists of a request */
	int listener;
	pthread_t thread;
	char seen[FAKE_REQUESTS][4096];
	_Atomic int n;
};

static inline void fake_note(struct fake *f, struct stream *s, struct arena *a, bool *ok)
{
	struct buf text = BUF(4095);
	int i = atomic_load(&f->n);

	for (int k = 0; *ok && k < f->lists; k++) {
		struct attr_list l;

		*ok = attr_list_read(s, ATTR_NUL, 1 << 20, a, &l) == 0;
		for (size_t j = 0; *ok && j < l.n; j++)
			if (!str_eq(l.v[j].name, STR("time")))
				buf_putf(&text, STR_FMT "=" STR_FMT ";", STR_ARG(l.v[j].name),
					STR_ARG(l.v[j].value));
	}
	if (*ok && i < FAKE_REQUESTS) {
		memcpy(f->seen[i], buf_cstr(&text), text.len + 1);
		atomic_store(&f->n, i + 1);
	}
	buf_done(&text);
}

static inline void *fake_run(void *arg)
{
	struct fake *f = arg;

	for (;;) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(BUF_SMALL);
		struct stream *s;
		bool ok = true;
		int fd = accept(f->listener, NULL, NULL);

		if (fd < 0) {
			arena_free(a);
			return NULL;
		}
		s = stream_new(fd);
		stream_timeout(s, 10 * USEC_PER_SEC);
		if (attr_put_greeting(&b, ATTR_NUL, f->protocol) < 0 ||
			stream_write(s, buf_str(&b)) < 0 || stream_flush(s) < 0)
			ok = false;
		buf_clear(&b);
		fake_note(f, s, a, &ok);
		if (f->refuse != NULL && atomic_load(&f->n) > 0 &&
			strstr(f->seen[atomic_load(&f->n) - 1], f->refuse) != NULL)
			buf_put(&b, f->refusal);
		else if (f->answer != NULL)
			buf_put(&b, str_from(f->answer, f->answer_len));
		else if (attr_put_int(&b, ATTR_NUL, "status", f->status) < 0 ||
			 attr_put_end(&b, ATTR_NUL) < 0)
			ok = false;
		if (ok && !f->silent && stream_write(s, buf_str(&b)) == 0)
			ok = stream_flush(s) == 0;
		stream_free(s);
		buf_done(&b);
		arena_free(a);
	}
}

/* Start a service at a path below the current directory. */
static inline struct fake *fake_start(const char *path, const char *protocol)
{
	struct fake *f = mem_new(struct fake);
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	f->protocol = protocol;
	f->lists = 1;
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(un.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(f->listener, 10), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
	return f;
}

static inline void fake_stop(struct fake *f)
{
	(void)shutdown(f->listener, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	(void)close(f->listener);
	free(f);
}

/* The last request since the last call had this text in it; "" for: there was no request. */
static inline void fake_expect(struct fake *f, const char *part, const char *what)
{
	int n = atomic_load(&f->n);
	const char *last = n == 0 ? "" : f->seen[n - 1];

	if ((*part == '\0') != (n == 0) || strstr(last, part) == NULL)
		fail_msg("%s: %d requests, last \"%s\", wanted \"%s\"", what, n, last, part);
	atomic_store(&f->n, 0);
}
