/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit — how many messages a second become durable.
 *
 *   commit DIRECTORY journal|file|bare THREADS SECONDS BYTES
 *
 * journal: reserve and commit, with a reader that removes what it finds. file: create, write, fsync, rename
 * out of the way and unlink, as intake and qmgr do without journal. bare: each thread appends to one
 * preallocated file of its own and calls fdatasync; what the disk gives to one who does nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "queue/journal.h"
#include "queue/record.h"

#define BARE_BYTES ((uint64_t)4 << 20)

static const struct queue_settings the_queues = { .hash_depth = 1 };
static const struct journal_settings the_settings = {
	.queues = &the_queues,
	.segment_size = 64 << 20,
	.limit = 1 << 30,
	.message_limit = 1 << 20,
};
static struct journal_writer *the_writer;
static struct journal_reader *the_reader;
static _Atomic uint64_t the_count;
static _Atomic bool the_end;
static size_t the_bytes;
static struct buf the_image = BUF(BUF_MEDIUM);

static _noreturn_ void fail(const char *what, int e)
{
	(void)fprintf(stderr, "commit: %s: %s\n", what, strerrordesc_np(-e));
	_exit(1);
}

static void one_journal(void)
{
	struct queue_file f;
	struct why why = { "" };
	int r = journal_reserve(the_writer, &f);

	if (r == 0)
		r = journal_commit(the_writer, &f, buf_str(&the_image), &why);
	if (r < 0 && r != -EAGAIN)
		fail(why.text, r);
	if (r == 0)
		(void)atomic_fetch_add(&the_count, 1);
	else
		(void)usleep(1000);
}

static void one_file(void)
{
	struct queue_file f;
	struct why why;
	int r = queue_create(&the_queues, STR(QUEUE_INCOMING), 0600, &f, &why);

	if (r == 0)
		r = fd_write_all(f.fd, buf_str(&the_image));
	if (r == 0 && fchmod(f.fd, QUEUE_MODE_READY) < 0)
		r = -errno;
	if (r == 0)
		r = fd_sync(f.fd);
	if (r < 0)
		fail("file", r);
	fd_close(f.fd);
	if (queue_move(&the_queues, str_of(f.id), STR(QUEUE_INCOMING), STR(QUEUE_ACTIVE), &why) <
			0 ||
		queue_remove(&the_queues, STR(QUEUE_ACTIVE), str_of(f.id)) < 0)
		fail("remove", -EIO);
	(void)atomic_fetch_add(&the_count, 1);
}

static void *run_bare(void *arg)
{
	_cleanup_free_ char *zeros = mem_alloc(BARE_BYTES);
	char name[32];
	uint64_t at = 0;
	int fd;

	(void)snprintf(name, sizeof(name), "bare.%zu", *(size_t *)arg);
	fd = fd_open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || fd_write_all(fd, str_from(zeros, BARE_BYTES)) < 0 || fd_sync(fd) < 0)
		fail(name, -errno);
	while (!atomic_load(&the_end)) {
		if (fd_pwrite_all(fd, buf_str(&the_image), (int64_t)at) < 0 || fdatasync(fd) < 0)
			fail(name, -errno);
		at = (at + the_image.len) % (BARE_BYTES - the_image.len);
		(void)atomic_fetch_add(&the_count, 1);
	}
	fd_close(fd);
	(void)unlink(name);
	return NULL;
}

static void *run(void *arg)
{
	void (*one)(void) = *(void (**)(void))arg;

	while (!atomic_load(&the_end))
		one();
	return NULL;
}

/* qmgr's part: everything is delivered at once. */
static void *read_all(void *arg)
{
	struct journal_entry e;

	(void)arg;
	while (!atomic_load(&the_end)) {
		unsigned n = 0;

		while (n++ < 1000 && journal_next(the_reader, &e) == 1)
			journal_removed(the_reader, &e.place);
		journal_recycle(the_reader);
		(void)usleep(1000);
	}
	return NULL;
}

static void make_queue(const char *dir)
{
	static const char *const dirs[] = { "incoming", "active", "journal", "corrupt", "deferred",
		"hold" };

	if (chdir(dir) < 0)
		fail(dir, -errno);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdir(dirs[i], 0700) < 0 && errno != EEXIST)
			fail(dirs[i], -errno);
}

static void make_image(void)
{
	_cleanup_buf_ struct buf line = BUF(BUF_SMALL);

	for (int i = 0; i < 70; i++)
		buf_putc(&line, 'x');
	rec_put_size(&the_image, &(struct rec_size){ 1, 2, 1, 0, 0, 0 });
	while (the_image.len < the_bytes)
		check(rec_put(&the_image, REC_NORM, buf_str(&line)) == 0);
}

static double cpu_seconds(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct journal_report report;
	struct why why = { "" };
	uint64_t threads;
	uint64_t seconds;
	uint64_t bytes;
	pthread_t t[256];
	size_t number[256];
	pthread_t reader;
	void (*one)(void) = NULL;
	double cpu;

	if (argc != 6 || num_u64(str_of(argv[3]), ARRAY_LEN(t), &threads) < 0 ||
		num_u64(str_of(argv[4]), 3600, &seconds) < 0 ||
		num_u64(str_of(argv[5]), 1 << 20, &bytes) < 0) {
		(void)fprintf(stderr,
			"usage: commit dir journal|file|bare threads seconds bytes\n");
		return 2;
	}
	the_bytes = bytes;
	make_queue(argv[1]);
	make_image();
	if (strcmp(argv[2], "journal") == 0) {
		if (journal_reader_open(&the_settings, &the_reader, &report, &why) < 0)
			fail(why.text, -EIO);
		the_writer = journal_writer_new(&the_settings);
		one = one_journal;
		check(pthread_create(&reader, NULL, read_all, NULL) == 0);
	} else if (strcmp(argv[2], "file") == 0) {
		one = one_file;
	}
	for (size_t i = 0; i < threads; i++) {
		number[i] = i;
		check(pthread_create(&t[i], NULL, one != NULL ? run : run_bare,
			      one != NULL ? (void *)&one : (void *)&number[i]) == 0);
	}
	(void)sleep(1);
	atomic_store(&the_count, 0);
	cpu = cpu_seconds();
	(void)sleep((unsigned)seconds);
	bytes = atomic_load(&the_count);
	cpu = cpu_seconds() - cpu;
	atomic_store(&the_end, true);
	for (size_t i = 0; i < threads; i++)
		(void)pthread_join(t[i], NULL);
	if (the_reader != NULL) {
		(void)pthread_join(reader, NULL);
		journal_writer_free(the_writer);
		journal_reader_close(the_reader);
	}
	(void)printf("%s, %s threads, %s bytes: %.0f a second, %.3f ms CPU each\n", argv[2],
		argv[3], argv[5], (double)bytes / (double)seconds,
		cpu * 1000 / (double)(bytes > 0 ? bytes : 1));
	buf_done(&the_image);
	return 0;
}
