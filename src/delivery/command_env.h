/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/command_env.h — the environment of commands, from export_environment, and whom they run as,
 * from "user[:group]".
 */
#pragma once

#include "base/strv.h"
#include "base/why.h"
#include "delivery/command.h"

/**
 * Make an environment of a list of names and name=value pairs.
 *
 * Names are copied from the environment of this process when they are set there. PATH is always
 * /usr/bin:/bin, and comes last.
 * @param list   words separated by blanks and commas, { name = value } for values with blanks
 * @param ret    ret->v is for execve()
 * @return 0; -EINVAL with why: braces, or a pair without a name
 * Source: postconf(5), export_environment.
 */
_must_use_ int command_environment(struct str list, struct strv *ret, struct why *why);

/** Whom an administrator's command must not run as. */
struct command_owner {
	uid_t uid; /* mail_owner */
	gid_t gid;
	gid_t setgid;                   /* setgid_group */
	const char *name, *setgid_name; /* of both, for texts */
	bool check;                     /* false: we are not root, everything runs as we do */
};

enum command_user {
	COMMAND_USER_OK,
	COMMAND_USER_UNKNOWN,       /* *ret_name is the name */
	COMMAND_USER_GROUP_UNKNOWN, /* likewise */
	COMMAND_USER_ROOT,
	COMMAND_USER_NONE, /* the id that means "no change" to the kernel */
	COMMAND_USER_OWNER,
	COMMAND_USER_ROOT_GROUP,
	COMMAND_USER_GROUP_NONE,
	COMMAND_USER_OWNER_GROUP,
	COMMAND_USER_SETGID_GROUP, /* pipe refuses it, spawn does not */
};

/**
 * Look up "user" or "user:group".
 *
 * An empty group is that of the user. Names only: "65534" is a name.
 * @param spec       the value of user=
 * @param owner      who is refused
 * @param ret        set for COMMAND_USER_OK and, in part, for those refused
 * @param ret_name   the part that was not found, borrowed from spec
 * Blocks: on the name service.
 */
_must_use_ enum command_user command_user_find(struct str spec, const struct command_owner *owner,
	struct command_identity *ret, struct str *ret_name);
/** The verdict on two ids; pure. */
_must_use_ enum command_user command_user_check(const struct command_identity *id,
	const struct command_owner *owner);
