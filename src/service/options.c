/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/options.c — daemon command lines; see options_priv.h.
 */
#include "service/options_priv.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"

/* More listeners than any address list makes. */
#define SOCKETS_MAX 1000

/* Options without an argument. */
static bool *flag_of(struct service_options *o, int letter)
{
	switch (letter) {
	case 'c':
		return &o->chroot;
	case 'd':
		return &o->by_hand;
	case 'D':
		return &o->debugger;
	case 'l':
		return &o->limit_one;
	case 'S':
		return &o->stand_alone;
	case 'u':
		return &o->drop;
	case 'V':
		return &o->to_stderr;
	case 'z':
		return &o->unlimited;
	default:
		return NULL;
	}
}

static const char **text_of(struct service_options *o, int letter)
{
	switch (letter) {
	case 'n':
		return &o->name;
	case 'r':
		return &o->retire;
	case 't':
		return &o->transport;
	default:
		return NULL;
	}
}

/* -i and -m are short for settings. */
static void add_setting(struct service_options *o, const char *name, const char *value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	buf_putf(&b, "%s=%s", name, value);
	strv_add(&o->overrides, buf_str(&b));
}

static int take(struct service_options *o, int letter, const char *arg, struct why *why)
{
	bool *flag = flag_of(o, letter);
	const char **text = text_of(o, letter);
	uint64_t n;

	if (flag != NULL) {
		*flag = true;
	} else if (text != NULL) {
		*text = arg;
	} else if (letter == 'v') {
		o->verbose++;
	} else if (letter == 'o') {
		strv_add(&o->overrides, str_of(arg));
	} else if (letter == 'i') {
		add_setting(o, "max_idle", arg);
	} else if (letter == 'm') {
		add_setting(o, "max_use", arg);
	} else if (letter == 's') {
		if (num_u64(str_of(arg), SOCKETS_MAX, &n) < 0 || n == 0)
			return why_set(why, -EINVAL, "invalid socket_count: %s", arg);
		o->sockets = (unsigned)n;
	} else {
		return why_set(why, -EINVAL, "invalid option: %c", optopt);
	}
	return 0;
}

int service_options_parse(int argc, char **argv, const char *letters, struct service_options *ret,
	struct why *why)
{
	struct service_options o = { .sockets = 1 };
	int letter;

	opterr = 0;
	optind = 0;
	/* '+': arguments of the daemon may look like options. */
	while ((letter = getopt(argc, argv, letters)) != -1) {
		int r = take(&o, letter, optarg, why);

		if (r < 0) {
			service_options_done(&o);
			return r;
		}
	}
	o.args = argv + optind;
	*ret = o;
	return 0;
}

void service_options_done(struct service_options *o)
{
	strv_done(&o->overrides);
}
