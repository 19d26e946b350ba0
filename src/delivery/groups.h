/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/groups.h — the two attribute groups that many internal protocols share: one recipient,
 * one delivery status. Pure.
 */
#pragma once

#include "delivery/request.h"

/** Append original_recipient, recipient, offset, dsn_orig_rcpt, notify_flags: 0 or as attr_put_str. */
_must_use_ int group_put_recipient(struct buf *b, const struct recipient *r);
/** Read the recipient group; strings borrow from the list: 0, -ENOENT missing, -EBADMSG. */
_must_use_ int group_get_recipient(struct attr_list *l, struct recipient *ret);
/** Append status, diag_type, diag_text, mta_type, mta_mname, action, reason: 0 or as attr_put_str. */
_must_use_ int group_put_dsn(struct buf *b, const struct dsn *d);
/** Read the status group; strings borrow from the list: 0 or -ENOENT. */
_must_use_ int group_get_dsn(struct attr_list *l, struct dsn *ret);
