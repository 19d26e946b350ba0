/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c — the command line of sendmail as the world knows it.
 *
 * Most letters are understood only to be ignored: programs give them.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "queue/record.h"
#include "sendmail.h"

#define OPTIONS   "+A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx"
#define ENVID_MAX 100

void sendmail_die(int status, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	va_list ap;

	va_start(ap, fmt);
	if (buf_addv(&b, fmt, ap) < 0)
		buf_puts(&b, "(message too long)");
	va_end(ap);
	log_fatal_status(status);
	log_fatal("%s", buf_cstr(&b));
}

static void set_mode(struct sendmail_options *o, enum sendmail_mode mode)
{
	o->mode = mode;
	o->mode_given = true;
}

static void body_type(struct sendmail_options *o, const char *arg)
{
	if (strcmp(arg, "8BITMIME") == 0)
		o->encoding = "8bit";
	else if (strcmp(arg, "7BIT") == 0)
		o->encoding = "7bit";
	else
		sendmail_die(EX_USAGE, "-B option needs 8BITMIME or 7BIT");
}

static int notify_word(struct str word)
{
	static const struct {
		const char *name;
		int bit;
	} words[] = {
		{ "never", DSN_NOTIFY_NEVER },
		{ "success", DSN_NOTIFY_SUCCESS },
		{ "failure", DSN_NOTIFY_FAILURE },
		{ "delay", DSN_NOTIFY_DELAY },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_ieq(word, str_of(words[i].name)))
			return words[i].bit;
	return 0;
}

static void notify(struct sendmail_options *o, const char *arg)
{
	struct str rest = str_of(arg);
	struct str word;
	int bits = 0;

	while (str_word(&rest, ", \t", &word)) {
		int bit = notify_word(word);

		if (bit == 0) {
			log_warn("unknown DSN NOTIFY command value \"" STR_FMT "\" in \"%s\"",
				STR_ARG(word), arg);
			bits = 0;
			break;
		}
		bits |= bit;
	}
	if (bits == 0 || (bits != DSN_NOTIFY_NEVER && (bits & DSN_NOTIFY_NEVER) != 0))
		log_warn("bad -N option value -- ignored");
	else
		o->notify = bits;
}

static void return_part(struct sendmail_options *o, const char *arg)
{
	if (str_ieq(str_of(arg), STR("full")))
		o->ret = DSN_RET_FULL;
	else if (str_ieq(str_of(arg), STR("hdrs")))
		o->ret = DSN_RET_HDRS;
	else
		log_warn("bad -R option value -- ignored");
}

static void yes_no(const char *name, struct str value, bool *ret)
{
	if (str_ieq(value, STR("yes")))
		*ret = true;
	else if (str_ieq(value, STR("no")))
		*ret = false;
	else
		sendmail_die(EX_USAGE, "-O %s needs yes or no", name);
}

/* -O name=value: two of ours; sendmail's own are configured elsewhere. */
static void long_option(struct sendmail_options *o, const char *arg)
{
	struct str s = str_of(arg);
	ptrdiff_t eq = str_chr(s, '=');
	struct str name = eq < 0 ? s : str_trim(str_head(s, (size_t)eq));
	struct str value = eq < 0 ? STR_EMPTY : str_trim(str_skip(s, (size_t)eq + 1));

	if (str_ieq(name, STR("REQUIRETLS")))
		yes_no("REQUIRETLS", value, &o->requiretls);
	else if (str_ieq(name, STR("SMTPUTF8")))
		yes_no("SMTPUTF8", value, &o->smtputf8);
}

/* -V envid; of old -V and -Vxy meant what -XV and -XVxy mean. */
static void envid(struct sendmail_options *o, const char *arg)
{
	size_t len = strlen(arg);

	if (len == 2 && arg == strrchr(arg, '\0') - 2 && o->mode == MODE_ENQUEUE) {
		log_warn("option -V%s is deprecated with Postfix 2.3; specify -XV%s instead", arg,
			arg);
		o->verp = arg;
		return;
	}
	if (len > ENVID_MAX) {
		log_warn("too long -V option value -- ignored");
		return;
	}
	for (size_t i = 0; i < len || len == 0; i++) {
		if (len == 0 || !is_print((unsigned char)arg[i])) {
			log_warn("bad syntax in -V option value -- ignored");
			return;
		}
	}
	o->envid = arg;
}

static void x_option(struct sendmail_options *o, const char *arg)
{
	if (arg[0] != 'V')
		sendmail_die(EX_USAGE, "unsupported: -X%c", arg[0]);
	o->verp = arg + 1;
}

static void b_option(struct sendmail_options *o, const char *arg)
{
	switch (arg[0]) {
	case 'd':
	case 'l':
		set_mode(o, MODE_DAEMON);
		break;
	case 'h':
	case 'H':
		set_mode(o, MODE_IGNORE);
		break;
	case 'i':
		set_mode(o, MODE_ALIASES);
		break;
	case 'm':
		/* A probe is a kind of delivery. */
		if (o->mode != MODE_VERIFY)
			set_mode(o, MODE_ENQUEUE);
		break;
	case 'p':
		set_mode(o, MODE_QUEUE);
		break;
	case 's':
		set_mode(o, MODE_SMTP);
		break;
	case 'v':
		set_mode(o, MODE_VERIFY);
		break;
	default:
		sendmail_die(EX_USAGE, "unsupported: -b%c", arg[0]);
	}
}

static void o_option(struct sendmail_options *o, const char *arg)
{
	switch (arg[0]) {
	case 'A':
		if (arg[1] == '\0')
			sendmail_die(EX_USAGE, "-oA requires pathname");
		o->alias_file = arg + 1;
		break;
	case 'i':
		o->dot_ends = false;
		break;
	default:
		break;
	}
}

static void q_option(struct sendmail_options *o, const char *arg)
{
	if (is_digit((unsigned char)arg[0])) {
		/* "-q15m": the queue manager has its own clock. Alone it asks for nothing. */
		if (o->mode == MODE_ENQUEUE && !o->mode_given)
			o->mode = MODE_IGNORE;
		return;
	}
	if (arg[0] == 'R' || arg[0] == 'I') {
		if (o->mode != MODE_ENQUEUE)
			sendmail_die(EX_USAGE, "-q%c can be used only in delivery mode", arg[0]);
		if (arg[1] == '\0')
			sendmail_die(EX_USAGE, "specify: -q%s",
				arg[0] == 'R' ? "Rsitename" : "Iqueueid");
		if (arg[0] == 'R')
			o->flush_site = arg + 1;
		else
			o->flush_id = arg + 1;
	} else if (arg[0] != '\0') {
		sendmail_die(EX_USAGE, "-q%c is not implemented", arg[0]);
	}
	set_mode(o, MODE_FLUSH);
}

static void refuse_n(struct sendmail_options *o, const char *arg)
{
	(void)o;
	(void)arg;
	sendmail_die(EX_USAGE, "-n option not supported");
}

/* Letters with an argument that needs thought. */
static const struct {
	char letter;
	void (*fn)(struct sendmail_options *o, const char *arg);
} the_handlers[] = {
	{ 'B', body_type },
	{ 'N', notify },
	{ 'O', long_option },
	{ 'R', return_part },
	{ 'V', envid },
	{ 'X', x_option },
	{ 'b', b_option },
	{ 'n', refuse_n },
	{ 'o', o_option },
	{ 'q', q_option },
};

static void option(struct sendmail_options *o, int c, const char *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(the_handlers); i++) {
		if (c == the_handlers[i].letter) {
			the_handlers[i].fn(o, arg);
			return;
		}
	}
	switch (c) {
	case 'C':
		o->config_dir = arg;
		break;
	case 'F':
		o->full_name = arg;
		break;
	case 'G':
		o->gateway = true;
		break;
	case 'I':
		set_mode(o, MODE_ALIASES);
		break;
	case 'f':
	case 'r':
		o->sender = arg;
		break;
	case 'i':
		o->dot_ends = false;
		break;
	case 't':
		o->extract = true;
		break;
	case 'v':
		o->verbose++;
		break;
	case '?':
		sendmail_die(EX_USAGE, "usage: sendmail [options]");
	default: /* -A -L -U -c -e -h -m -p -x */
		break;
	}
}

static void mode_of_name(struct sendmail_options *o, const char *program)
{
	if (strcmp(program, "mailq") == 0)
		set_mode(o, MODE_QUEUE);
	else if (strcmp(program, "newaliases") == 0)
		set_mode(o, MODE_ALIASES);
	else if (strcmp(program, "smtpd") == 0)
		set_mode(o, MODE_DAEMON);
}

/* "-q" with nothing after it, which getopt(3) would give the next word. */
static bool is_bare(const char *arg, char letter)
{
	return arg != NULL && arg[0] == '-' && arg[1] == letter && arg[2] == '\0';
}

void options_parse(int argc, char **argv, const char *program, struct sendmail_options *ret)
{
	static char none[] = "";
	/* MAIL_VERBOSE counts as one -v. */
	struct sendmail_options o = { .dot_ends = true,
		.verbose = getenv("MAIL_VERBOSE") != NULL ? 1 : 0 };

	mode_of_name(&o, program);
	for (;;) {
		int c;

		if (optind < argc && is_bare(argv[optind], 'q')) {
			option(&o, 'q', none);
			optind++;
			continue;
		}
		if (optind + 1 < argc && is_bare(argv[optind], 'V') &&
			strlen(argv[optind + 1]) == 2) {
			log_warn("option -V is deprecated with Postfix 2.3; "
				 "specify -XV instead");
			o.verp = none;
			optind++;
			continue;
		}
		c = getopt(argc, argv, OPTIONS);
		if (c < 0)
			break;
		option(&o, c, optarg);
	}
	o.recipients = argv + optind;
	*ret = o;
}

static void check_verp(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	const char *filter = c->verp_delimiter_filter;

	for (size_t i = 0; i < 2; i++)
		if (strchr(filter, c->default_verp_delimiters[i]) == NULL)
			sendmail_die(EX_TEMPFAIL,
				"parameters default_verp_delimiters and verp_delimiter_filter: "
				"bad %s VERP delimiter character",
				i == 0 ? "first" : "second");
	if (o->verp == NULL || o->verp[0] == '\0')
		return;
	if (strlen(o->verp) != 2 || strchr(filter, o->verp[0]) == NULL ||
		strchr(filter, o->verp[1]) == NULL)
		sendmail_die(EX_USAGE, "-V requires two characters from %s", filter);
}

void options_check(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	static const char *const modes[] = {
		[MODE_DAEMON] = "daemon",
		[MODE_ALIASES] = "alias initialization",
		[MODE_QUEUE] = "display queue",
		[MODE_FLUSH] = "flush queue",
		[MODE_SMTP] = "stand-alone",
		[MODE_IGNORE] = NULL,
	};

	check_verp(o, c);
	if (o->mode == MODE_VERIFY && o->extract)
		sendmail_die(EX_USAGE, "-t option cannot be used with -bv");
	if (o->mode == MODE_VERIFY && o->notify != 0)
		sendmail_die(EX_USAGE, "-N option cannot be used with -bv");
	if (o->mode == MODE_VERIFY && o->ret != 0)
		sendmail_die(EX_USAGE, "-R option cannot be used with -bv");
	if (o->mode == MODE_VERIFY && o->verbose == 1)
		sendmail_die(EX_USAGE, "-v option cannot be used with -bv");
	if (o->mode == MODE_ENQUEUE || o->mode == MODE_VERIFY)
		return;
	if (o->extract)
		sendmail_die(EX_USAGE, "-t can be used only in delivery mode");
	if (o->recipients[0] != NULL && modes[o->mode] != NULL)
		sendmail_die(EX_USAGE, "%s mode requires no recipient", modes[o->mode]);
}
