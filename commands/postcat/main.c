/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postcat — show queue files in readable form.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "log/log.h"
#include "service/derive.h"
#include "show.h"

/* Most bytes that are taken from a pipe. */
#define MAX_INPUT ((size_t)1 << 40)

struct settings {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	const char *queue_directory;
};

static struct conf *the_conf;
static struct settings the_settings;
static struct strv the_hashed;
static struct show_options the_options;

static const struct conf_var vars[] = {
	CV_STR(struct settings, hash_queue_names),
	CV_INT(struct settings, hash_queue_depth),
	CV_STR(struct settings, queue_directory),
	CV_END,
};

_noreturn_ static void usage(void)
{
	log_fatal("usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] "
		  "[-e (envelope records)] [-h (header text)] [-q (access queue)] [-v] "
		  "[file(s)...]");
}

static void show(struct queue_message *m, const char *name)
{
	struct why why;

	if (show_file(&the_options, m, name, stdout, &why) < 0) {
		(void)fflush(stdout);
		log_fatal("%s", why.text);
	}
	queue_message_close(m);
}

static void show_named(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		log_fatal("open %s: %m", path);
	show(queue_message_of_fd(fd), path);
}

/* Pointers need a file that can be read at any place. */
static int seekable_stdin(void)
{
	char block[8192];
	ssize_t n;
	size_t total = 0;
	int fd;

	if (lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0)
		return dup(STDIN_FILENO);
	fd = memfd_create("postcat", MFD_CLOEXEC);
	if (fd < 0)
		log_fatal("memfd_create: %m");
	while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0) {
		total += (size_t)n;
		if (total > MAX_INPUT || fd_write_all(fd, str_from(block, (size_t)n)) < 0)
			log_fatal("standard input is too large");
	}
	if (n < 0)
		log_fatal("read standard input: %m");
	return fd;
}

struct wanted {
	const char *id;
	struct queue_message *m;
};

static int is_wanted(void *arg, const struct journal_entry *e)
{
	struct wanted *w = arg;

	return strcmp(e->id, w->id) == 0 &&
	       queue_message_open_place(&e->place, false, &w->m, NULL) == 0;
}

/* A message that is no file yet. */
static struct queue_message *find_young(const struct queue_settings *q, const char *id)
{
	const struct journal_settings s = { .queues = q };
	struct wanted w = { .id = id };

	IGNORE(journal_each(&s, is_wanted, &w) < 0);
	return w.m;
}

/* Where Postfix's postcat looks, in its order; then the journal. */
static void show_queued(const struct queue_settings *q, const char *id)
{
	static const char *const queues[] = { QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE,
		QUEUE_DEFERRED, QUEUE_HOLD, QUEUE_SAVED };
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct queue_message *m = NULL;
	int fd = -ENOENT;

	if (!queue_id_ok(str_of(id)))
		log_fatal("bad mail queue ID: %s", id);
	for (size_t i = 0; i < ARRAY_LEN(queues) && fd == -ENOENT; i++) {
		buf_clear(&path);
		queue_path(q, &path, str_of(queues[i]), str_of(id));
		fd = queue_open(q, str_of(queues[i]), str_of(id), O_RDONLY, 0);
	}
	if (fd == -ENOENT)
		m = find_young(q, id);
	if (m != NULL) {
		buf_clear(&path);
		buf_putf(&path, QUEUE_JOURNAL "/%s", id);
	} else if (fd < 0) {
		log_fatal("open queue file %s: %s", id, strerrordesc_np(-fd));
	}
	show(m != NULL ? m : queue_message_of_fd(fd), buf_cstr(&path));
}

static void queue_mode(const char *config_dir, char **ids)
{
	struct queue_settings q = { 0 };
	struct why why;

	the_conf = derive_command_conf("postcat", config_dir);
	if (conf_fill(the_conf, vars, &the_settings, &why) < 0)
		log_fatal("%s", why.text);
	strv_split(&the_hashed, str_of(the_settings.hash_queue_names), ", \t\r\n");
	q.hashed = the_hashed.n > 0 ? (const char *const *)the_hashed.v : NULL;
	q.hash_depth = (unsigned)the_settings.hash_queue_depth;
	if (chdir(the_settings.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_settings.queue_directory);
	for (; *ids != NULL; ids++)
		show_queued(&q, *ids);
}

static void set_start(const char *text)
{
	uint64_t v;

	if (num_u64(str_of(text), INT64_MAX, &v) < 0)
		log_fatal("bad offset: %s", text);
	the_options.start = (int64_t)v;
	the_options.skip = true;
}

static void one_option(int ch, const char **config_dir, bool *queue)
{
	struct show_options *o = &the_options;

	switch (ch) {
	case 'b':
		o->body = true;
		break;
	case 'c':
		*config_dir = optarg;
		break;
	case 'd':
		o->type = true;
		break;
	case 'e':
		o->envelope = true;
		break;
	case 'h':
		o->header = true;
		break;
	case 'o':
		o->offset = true;
		break;
	case 'q':
		*queue = true;
		break;
	case 'r':
		o->raw = true;
		break;
	case 's':
		set_start(optarg);
		break;
	case 'v':
		o->verbose = true;
		break;
	default:
		usage();
	}
}

int main(int argc, char **argv)
{
	const struct log_settings early = { .tag = "postcat",
		.to_stderr = true,
		.no_syslog = true };
	const char *config_dir = NULL;
	bool queue = false;
	int ch;
	static char name[] = "postcat";

	argv[0] = name; /* as getopt's messages show it */
	fd_open_std();
	log_init(&early);
	while ((ch = getopt(argc, argv, "bc:dehoqrs:v")) > 0)
		one_option(ch, &config_dir, &queue);
	if (!the_options.envelope && !the_options.header && !the_options.body)
		the_options.envelope = the_options.header = the_options.body = true;
	if (queue)
		queue_mode(config_dir, argv + optind);
	else if (argv[optind] == NULL)
		show(queue_message_of_fd(seekable_stdin()), "stdin");
	else
		for (char **f = argv + optind; *f != NULL; f++)
			show_named(*f);
	if (fflush(stdout) != 0)
		log_fatal("write error: %m");
	return 0;
}
