/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/mailbox.c — identity and outcome of mailbox deliveries; see mailbox.h. */
#include "delivery/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include "base/fd.h"

int mailbox_become(const struct mailbox_identity *id, struct why *why)
{
	if (!id->change)
		return 0;
	if (setgroups(1, &id->gid) < 0 || setegid(id->gid) < 0 || seteuid(id->uid) < 0) {
		int err = -errno;

		mailbox_return(id);
		return why_errno(why, err, "become uid %u gid %u", id->uid, id->gid);
	}
	return 0;
}

void mailbox_return(const struct mailbox_identity *id)
{
	gid_t root = 0;

	if (!id->change)
		return;
	/* A process that is neither itself nor the owner must not go on. */
	check(seteuid(0) == 0 && setegid(0) == 0 && setgroups(1, &root) == 0);
}

int mailbox_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;

	int r = fd_sync(fd);

	fd_close(fd);
	return r;
}

void mailbox_fail(struct mailbox_result *ret, int err)
{
	ret->err = err < 0 ? -err : err;
	ret->outcome = MAILBOX_DEFERRED;
	switch (ret->err) {
	case EBADMSG:
		ret->outcome = MAILBOX_CORRUPT;
		ret->status = "4.3.0";
		break;
	case EDQUOT:
	case EFBIG:
		ret->outcome = MAILBOX_BOUNCED;
		ret->status = "5.2.2";
		break;
	case ENOSPC:
		ret->status = "4.3.0";
		break;
	default:
		ret->status = "4.2.0";
		break;
	}
}
