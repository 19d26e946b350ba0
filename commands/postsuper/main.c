/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postsuper — maintenance of the queue, by the superuser.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "log/log.h"
#include "postsuper.h"
#include "service/derive.h"
#include "service/journal_settings.h"

struct settings {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	bool enable_long_queue_ids;
	const char *queue_directory;
};

static const struct conf_var vars[] = {
	CV_STR(struct settings, hash_queue_names),
	CV_INT(struct settings, hash_queue_depth),
	CV_BOOL(struct settings, enable_long_queue_ids),
	CV_STR(struct settings, queue_directory),
	CV_END,
};

static struct conf *the_conf;
static struct settings the_settings;
static struct strv the_hashed;
static struct journal_params the_journal;
static struct tool the_tool;
static struct {
	enum action what;
	const char *id;
} * the_actions; /* in the order of the command line */
static size_t the_n_actions;

static const struct queue_info queues[] = {
	{ QUEUE_TRACE, 0600, false, true },
	{ QUEUE_DEFER, 0600, false, true },
	{ QUEUE_BOUNCE, 0600, false, true },
	{ QUEUE_MAILDROP, QUEUE_MODE_READY, true, true },
	{ QUEUE_INCOMING, QUEUE_MODE_READY, true, true },
	{ QUEUE_ACTIVE, QUEUE_MODE_READY, true, true },
	{ QUEUE_DEFERRED, QUEUE_MODE_READY, true, true },
	{ QUEUE_HOLD, QUEUE_MODE_READY, true, true },
	{ QUEUE_FLUSH, 0600, false, false },
};

const struct queue_info *queue_info_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(queues); i++)
		if (str_eq(str_of(queues[i].name), name))
			return &queues[i];
	return NULL;
}

_noreturn_ static void usage(void)
{
	log_fatal(
		"usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
		"[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] "
		"[-H queue_id (un-hold)] [-J (empty the journal)] [-p (purge temporary files)] [-r queue_id (requeue)] "
		"[-s (structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]");
}

static void repair_all(char *const *names, unsigned pass)
{
	static const char *const standard[] = { QUEUE_DEFER, QUEUE_BOUNCE, QUEUE_MAILDROP,
		QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, QUEUE_HOLD, QUEUE_FLUSH, NULL };

	if (*names != NULL)
		for (; *names != NULL; names++)
			repair_queue(&the_tool, queue_info_find(str_of(*names)), pass);
	else
		for (const char *const *n = standard; *n != NULL; n++)
			repair_queue(&the_tool, queue_info_find(str_of(*n)), pass);
}

/* Half of the new names would be of no use: the two passes are not interrupted by a key or hang-up. */
static void repair(char *const *names)
{
	sigset_t block;
	sigset_t old;

	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGINT);
	(void)sigaddset(&block, SIGQUIT);
	(void)sigaddset(&block, SIGTERM);
	(void)sigaddset(&block, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &block, &old);
	repair_all(names, 1);
	if (the_tool.structure)
		repair_all(names, 2);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void from_stdin(enum action what, char *const *names)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct str id = str_trim(str_of(line));

		if (id.len > 0)
			act_on_id(&the_tool, what, names, id);
	}
	free(line);
}

static void act(enum action what, const char *id, char *const *names)
{
	if (strcmp(id, "ALL") == 0)
		act_on_all(&the_tool, what, names);
	else if (strcmp(id, "-") == 0)
		from_stdin(what, names);
	else
		act_on_id(&the_tool, what, names, str_of(id));
}

static bool asked(enum action a, enum action b)
{
	for (size_t i = 0; i < the_n_actions; i++)
		if (the_actions[i].what == a || the_actions[i].what == b)
			return true;
	return false;
}

static void report(const char *title, unsigned long n, bool wanted)
{
	if (n > 0 || wanted)
		log_info("%s: %lu message%s", title, n, n == 1 ? "" : "s");
}

static void incomplete(void)
{
	if (the_tool.renamed > 0)
		log_warn("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
}

static void configure(const char *config_dir)
{
	struct stat st;
	struct why why;
	uid_t uid;
	gid_t gid;
	gid_t setgid_gid;

	the_conf = derive_command_conf("postsuper", config_dir);
	if (conf_fill(the_conf, vars, &the_settings, &why) < 0 ||
		derive_owner(the_conf, &uid, &gid, &setgid_gid, &why) < 0)
		log_fatal("%s", why.text);
	strv_split(&the_hashed, str_of(the_settings.hash_queue_names), ", \t\r\n");
	the_tool.queues = (struct queue_settings){
		.hashed = the_hashed.n > 0 ? (const char *const *)the_hashed.v : NULL,
		.hash_depth = (unsigned)the_settings.hash_queue_depth,
		.long_ids = the_settings.enable_long_queue_ids,
	};
	if (journal_params_fill(the_conf, &the_tool.queues, &log_notes, &the_journal, &why) < 0)
		log_fatal("%s", why.text);
	the_tool.journal = the_journal.s;
	if (chdir(the_settings.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_settings.queue_directory);
	/* Without root the whole system belongs to one user: that one is its superuser. */
	if (geteuid() != 0 && (stat(QUEUE_ACTIVE, &st) < 0 || st.st_uid != geteuid()))
		log_fatal("use of this command is reserved for the superuser");
	if (geteuid() == 0 && (setegid(gid) < 0 || seteuid(uid) < 0))
		log_fatal("become mail_owner: %m");
}

static void parse_options(int argc, char **argv, const char **config_dir, int *verbose)
{
	int ch;

	while ((ch = getopt(argc, argv, "c:d:e:f:h:H:Jpr:sSv")) > 0) {
		switch (ch) {
		case 'c':
			*config_dir = optarg;
			break;
		case 'd':
		case 'e':
		case 'f':
		case 'h':
		case 'H':
		case 'r':
			the_actions[the_n_actions].what = (enum action)ch;
			the_actions[the_n_actions++].id = optarg;
			break;
		case 'J':
			the_tool.empty = true;
			break;
		case 'p':
			the_tool.purge = true;
			break;
		case 'S':
			the_tool.redundant = true;
			_fallthrough_;
		case 's':
			the_tool.structure = true;
			break;
		case 'v':
			++*verbose;
			break;
		default:
			usage();
		}
	}
}

static void run(char *const *names)
{
	const struct tool *t = &the_tool;

	if (t->purge || t->structure)
		repair(names);
	if (t->renamed > 0 && the_n_actions > 0) {
		log_error("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
		log_fatal("CHECK YOUR QUEUE IDS AND RE-ISSUE THE COMMAND");
	}
	for (size_t i = 0; i < the_n_actions; i++)
		act(the_actions[i].what, the_actions[i].id, names);
	report("Requeued", t->requeued, asked(ACT_REQUEUE, ACT_REQUEUE));
	report("Deleted", t->deleted, asked(ACT_DELETE, ACT_DELETE));
	report("Force-expired", t->expired, asked(ACT_EXPIRE, ACT_EXPIRE_RELEASE));
	report("Placed on hold", t->held, asked(ACT_HOLD, ACT_HOLD));
	report("Released from hold", t->released, asked(ACT_RELEASE, ACT_EXPIRE_RELEASE));
	report("Renamed to match inode number", t->renamed, false);
	if (t->renamed > 0)
		log_warn("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
}

int main(int argc, char **argv)
{
	const struct log_settings early = { .tag = "postsuper",
		.to_stderr = true,
		.no_syslog = true };
	const char *config_dir = NULL;
	int verbose = 0;
	static char name[] = "postsuper";

	argv[0] = name; /* as getopt's messages show it */
	fd_open_std();
	log_init(&early);
	the_actions = mem_array((size_t)argc, sizeof(*the_actions));
	parse_options(argc, argv, &config_dir, &verbose);
	configure(config_dir);
	log_set_verbose(verbose);
	log_on_fatal(incomplete);
	if (!the_tool.purge && !the_tool.structure && !the_tool.empty && the_n_actions == 0)
		the_tool.purge = the_tool.structure = true;
	for (char **n = argv + optind; *n != NULL; n++)
		if (queue_info_find(str_of(*n)) == NULL)
			log_fatal("invalid directory name: %s", *n);
	young_settle(&the_tool, the_tool.empty);
	run(argv + optind);
	return 0;
}
