/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c — the command line of sendmail(1), with everything that callers still pass.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "log/log.h"
#include "queue/record.h"
#include "sendmail.h"

#define LETTERS "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx"

/* Stands for the argument of "-q" without one. */
static char flush_all[] = "\1";

_noreturn_ static void usage(const char *text, const char *arg)
{
	log_fatal_status(EX_USAGE);
	log_fatal("%s%s", text, arg);
}

static void set_mode(struct sendmail_options *o, enum sendmail_mode mode)
{
	if (o->mode != MODE_DELIVER && o->mode != mode)
		usage("conflicting modes of operation: use one of -b, -q and -I", "");
	o->mode = mode;
}

static void option_b(struct sendmail_options *o, const char *arg)
{
	switch (arg[0]) {
	case 'd':
	case 'l':
		set_mode(o, MODE_DAEMON);
		return;
	case 'h':
	case 'H':
		set_mode(o, MODE_IGNORE);
		return;
	case 'i':
		set_mode(o, MODE_NEWALIASES);
		return;
	case 'm':
		set_mode(o, MODE_DELIVER);
		return;
	case 'p':
		set_mode(o, MODE_MAILQ);
		return;
	case 's':
		set_mode(o, MODE_SMTP);
		return;
	case 'v':
		o->verify = true;
		return;
	default:
		usage("unsupported: -b", arg);
	}
}

static void option_q(struct sendmail_options *o, const char *arg)
{
	if (arg == flush_all) {
		set_mode(o, MODE_FLUSH);
	} else if (is_digit((unsigned char)arg[0])) {
		if (o->mode != MODE_DAEMON)
			set_mode(o, MODE_IGNORE);
	} else if ((arg[0] == 'R' || arg[0] == 'I') && arg[1] != '\0') {
		set_mode(o, arg[0] == 'R' ? MODE_FLUSH_SITE : MODE_FLUSH_ID);
		o->flush_what = arg + 1;
	} else {
		usage("-q needs a time, -qIqueueid or -qRsite; unsupported: -q", arg);
	}
}

/* -o: the old one-letter options of the configuration file. */
static void option_o(struct sendmail_options *o, const char *arg)
{
	if (arg[0] == 'A' && arg[1] != '\0')
		o->aliases = arg + 1;
	else if (arg[0] == 'i')
		o->ignore_dots = true;
	/* -o7 -o8 -om and whatever other programs still pass: without meaning here */
}

static void option_O(struct sendmail_options *o, const char *arg)
{
	static const char *const yes[] = { "REQUIRETLS=yes", "SMTPUTF8=yes" };
	static const char *const no[] = { "REQUIRETLS=no", "SMTPUTF8=no" };
	bool *flags[] = { &o->requiretls, &o->smtputf8 };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(arg, yes[i]) == 0)
			*flags[i] = true;
		else if (strcasecmp(arg, no[i]) == 0)
			*flags[i] = false;
	}
}

static int notify_of(const char *arg)
{
	static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	struct str rest = str_of(arg), word;
	int mask = 0;

	while (str_word(&rest, ", \t", &word)) {
		size_t i;

		for (i = 0; i < ARRAY_LEN(names) && !str_ieq(word, str_of(names[i])); i++) {
		}
		if (i == ARRAY_LEN(names) || (mask & (1 << i)) != 0)
			return -1;
		mask |= 1 << i;
	}
	return mask == 0 || ((mask & DSN_NOTIFY_NEVER) != 0 && mask != DSN_NOTIFY_NEVER) ? -1
											 : mask;
}

static void option_N(struct sendmail_options *o, const char *arg)
{
	int mask = notify_of(arg);

	if (mask < 0)
		log_warn(
			"bad -N option value: \"%s\": use NEVER, or a list of SUCCESS, FAILURE, DELAY -- "
			"ignored",
			arg);
	else
		o->notify = mask;
}

static void option_R(struct sendmail_options *o, const char *arg)
{
	if (strcasecmp(arg, "full") == 0)
		o->ret = DSN_RET_FULL;
	else if (strcasecmp(arg, "hdrs") == 0)
		o->ret = DSN_RET_HDRS;
	else
		log_warn("bad -R option value: \"%s\": use full or hdrs -- ignored", arg);
}

/* -V id; two characters are the delimiters of an older time. */
static void option_V(struct sendmail_options *o, const char *arg)
{
	size_t n = strlen(arg);

	if (n == 2) {
		o->verp = arg;
		return;
	}
	for (const char *p = arg; *p != '\0'; p++)
		if (!is_print((unsigned char)*p))
			n = 0;
	if (n == 0 || n > 100)
		log_warn("bad -V option value: 1 to 100 printable characters -- ignored");
	else
		o->envid = arg;
}

static void option_B(struct sendmail_options *o, const char *arg)
{
	if (strcmp(arg, "8BITMIME") == 0)
		o->encoding = "8bit";
	else if (strcmp(arg, "7BIT") == 0)
		o->encoding = "7bit";
	else
		usage("-B option needs 8BITMIME or 7BIT", "");
}

static void option_X(struct sendmail_options *o, const char *arg)
{
	size_t n = strlen(arg);

	if (arg[0] != 'V' || (n != 1 && n != 3))
		usage("unsupported: -X", arg);
	o->verp = arg + 1;
}

static void option(struct sendmail_options *o, int c, char *arg)
{
	switch (c) {
	case 'B':
		option_B(o, arg);
		break;
	case 'C':
		o->config = arg;
		break;
	case 'F':
		o->full_name = arg;
		break;
	case 'G':
		o->gateway = true;
		break;
	case 'I':
		set_mode(o, MODE_NEWALIASES);
		break;
	case 'N':
		option_N(o, arg);
		break;
	case 'O':
		option_O(o, arg);
		break;
	case 'R':
		option_R(o, arg);
		break;
	case 'V':
		option_V(o, arg);
		break;
	case 'X':
		option_X(o, arg);
		break;
	case 'b':
		option_b(o, arg);
		break;
	case 'f':
	case 'r':
		o->sender = arg;
		break;
	case 'i':
		o->ignore_dots = true;
		break;
	case 'n':
		usage("-n option not supported", "");
	case 'o':
		option_o(o, arg);
		break;
	case 'q':
		option_q(o, arg);
		break;
	case 't':
		o->extract = true;
		break;
	case 'v':
		o->verbose++;
		break;
	case '?':
		usage("usage: ", "sendmail [options] [recipient ...]");
	default: /* -A -L -U -c -e -h -m -p -x: accepted, without meaning here */
		break;
	}
}

/* What does not go together. */
static void check_combination(const struct sendmail_options *o)
{
	static const char *const names[] = { [MODE_DAEMON] = "daemon mode",
		[MODE_NEWALIASES] = "alias initialization mode",
		[MODE_MAILQ] = "display queue mode",
		[MODE_SMTP] = "stand-alone mode",
		[MODE_FLUSH] = "flush queue mode",
		[MODE_FLUSH_ID] = "flush queue mode",
		[MODE_FLUSH_SITE] = "flush queue mode" };

	if (o->mode != MODE_DELIVER) {
		if (o->extract)
			usage("-t can be used only in delivery mode", "");
		if (o->notify != 0 || o->ret != 0 || o->envid != NULL)
			usage("-N, -R and -V can be used only in delivery mode", "");
		if (o->mode != MODE_IGNORE && o->rcpt[0] != NULL)
			usage(names[o->mode], " requires no recipient");
	}
	if (o->verify && (o->extract || o->notify != 0 || o->ret != 0 || o->verbose == 1))
		usage("-t, -N, -R and -v cannot be used with -bv", "");
}

void options_parse(int argc, char **argv, struct sendmail_options *ret)
{
	struct sendmail_options o = { .mode = MODE_DELIVER };
	const char *name = strrchr(argv[0], '/');
	static char dash_q[] = "-q\1";
	int c;

	name = name == NULL ? argv[0] : name + 1;
	if (strcmp(name, "mailq") == 0)
		o.mode = MODE_MAILQ;
	else if (strcmp(name, "newaliases") == 0)
		o.mode = MODE_NEWALIASES;
	else if (strcmp(name, "smtpd") == 0)
		o.mode = MODE_DAEMON;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-q") == 0)
			argv[i] = dash_q;
	opterr = 0;
	while ((c = getopt(argc, argv, LETTERS)) > 0)
		option(&o, c, c == 'q' && optarg != NULL && optarg[0] == '\1' ? flush_all : optarg);
	o.rcpt = argv + optind;
	check_combination(&o);
	*ret = o;
}
