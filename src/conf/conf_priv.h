/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_priv.h — what the files of this folder share.
 */
#pragma once

#include "base/map.h"

#include "conf/conf.h"

/** One setting from main.cf or -o. */
struct conf_set {
	char *name;
	char *value;
	int line; /* in main.cf, 0 for -o */
	bool override;
};

struct conf {
	char *dir;            /* configuration directory */
	char *file;           /* dir/main.cf, for messages */
	char *origin;         /* of -o settings, for messages; NULL: not said */
	struct map *settings; /* name -> struct conf_set */
	struct strv filled;   /* strings that conf_fill() handed out */
};

/**
 * The text of a parameter before expansion.
 *
 * Settings first, then the default: from the registry, or computed (myhostname, mydomain,
 * mynetworks, process_id, process_name, service_name).
 * @param name    of a parameter
 * @param depth   nesting of the expansion that asks, 0 for none
 * @param tmp   holds a computed text
 * @param ret   borrowed from conf, registry or tmp
 * @return 1; 0 no such parameter; -EINVAL with why
 */
_must_use_ int conf_text(const struct conf *c, struct str name, int depth, struct buf *tmp,
	struct str *ret, struct why *why);

/** The computed default of a parameter: 1 with text appended; 0 not such a parameter; -EINVAL. */
_must_use_ int conf_compute(const struct conf *c, struct str name, int depth, struct buf *ret,
	struct why *why);

/** As conf_expand_text() inside an expansion of the given depth, so that loops end. */
_must_use_ int conf_expand_at(const struct conf *c, struct str text, int depth, struct buf *ret,
	struct why *why);

/** A numeral in the way the documentation compares them: -1, 0, 1 by value; digits only. */
int conf_compare_digits(struct str a, struct str b);
