/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtual.h — where a recipient's mail goes and as whom it is written.
 */
#pragma once

#include "address/address.h"
#include "delivery/mailbox.h"
#include "table/table.h"

/** What finding needs; immutable after start. */
struct virtual_maps {
	struct tables mailbox, uid, gid;
	struct str base;      /* virtual_mailbox_base */
	struct ext_rules ext; /* recipient_delimiter and its exceptions */
	int64_t minimum_uid;
	bool utf8;         /* fold addresses as Unicode */
	bool own_identity; /* not root: write as ourselves, the maps of ids are not asked */
};

struct virtual_target {
	char *path; /* free() */
	bool maildir;
	struct mailbox_identity id;
};

/**
 * Find the mailbox of a recipient.
 *
 * @param user   receives the folded recipient, for messages
 * @return FOUND with *ret; NONE: no such user; TEMPFAIL: configuration error, said in why
 */
_must_use_ enum lookup virtual_find(const struct virtual_maps *m, struct str recipient,
	struct buf *user, struct virtual_target *ret, struct why *why);
