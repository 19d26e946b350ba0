/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/options_priv.h — the command line that master gives a daemon.
 */
#pragma once

#include "base/strv.h"
#include "base/why.h"

struct service_options {
	bool chroot;           /* -c */
	bool by_hand;          /* -d */
	bool debugger;         /* -D */
	bool limit_one;        /* -l */
	const char *name;      /* -n */
	struct strv overrides; /* -o, and what -i and -m stand for, in their order */
	const char *retire;    /* -r */
	unsigned sockets;      /* -s */
	bool stand_alone;      /* -S */
	const char *transport; /* -t */
	bool drop;             /* -u */
	int verbose;           /* -v */
	bool to_stderr;        /* -V */
	bool unlimited;        /* -z */
	char **args;           /* words after the options */
};

/**
 * Parse argv; strings are borrowed from it.
 *
 * @param letters   options that this kind of server knows, for getopt(3)
 * @return 0; -EINVAL with the message in why
 */
_must_use_ int service_options_parse(int argc, char **argv, const char *letters,
	struct service_options *ret, struct why *why);
/** Free what the parser allocated. */
void service_options_done(struct service_options *o);
