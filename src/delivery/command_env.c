/* SPDX-License-Identifier: Apache-2.0 */
/* delivery/command_env.c — see command_env.h. */
#include "delivery/command_env.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define PATH_SETTING "PATH=/usr/bin:/bin"
/* Longest entry of the password and group files. */
#define ENTRY_MAX ((size_t)1024 * 1024)

/* Replace or append. */
static void set(struct strv *v, struct str name, struct str value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	buf_putf(&b, STR_FMT "=", STR_ARG(name));
	for (size_t i = 0; i < v->n; i++) {
		if (!str_starts(str_of(v->v[i]), buf_str(&b)))
			continue;
		buf_put(&b, value);
		free(v->v[i]);
		v->v[i] = str_dup(buf_str(&b));
		return;
	}
	buf_put(&b, value);
	strv_add(v, buf_str(&b));
}

static int add_word(struct strv *v, const char *word, struct why *why)
{
	struct str w = str_of(word);
	ptrdiff_t at = str_chr(w, '=');
	struct str name = at < 0 ? w : str_rtrim(str_head(w, (size_t)at));

	if (name.len == 0)
		return why_set(why, -EINVAL, "missing attribute name in \"%s\"", word);
	/* It is always ours. */
	if (str_eq(name, STR("PATH")))
		return 0;
	if (at >= 0)
		set(v, name, str_trim(str_skip(w, (size_t)at + 1)));
	else if (getenv(word) != NULL)
		set(v, name, str_of(getenv(word)));
	return 0;
}

int command_environment(struct str list, struct strv *ret, struct why *why)
{
	_cleanup_strv_ struct strv words = { 0 };
	struct strv env = { 0 };
	int e = strv_split_braces(&words, list, ", \t\r\n");

	if (e < 0)
		return why_set(why, -EINVAL, "unbalanced braces in \"" STR_FMT "\"", STR_ARG(list));
	for (size_t i = 0; e == 0 && i < words.n; i++)
		e = add_word(&env, words.v[i], why);
	if (e < 0) {
		strv_done(&env);
		return e;
	}
	strv_add(&env, STR(PATH_SETTING));
	*ret = env;
	return 0;
}

static bool find_user(const char *name, struct command_identity *ret)
{
	_cleanup_buf_ struct buf room = BUF_LOCAL(ENTRY_MAX);
	struct passwd pw, *found = NULL;
	int e = ERANGE;

	for (size_t n = 1024; e == ERANGE && n < ENTRY_MAX && buf_reserve(&room, n) == 0; n *= 2)
		e = getpwnam_r(name, &pw, room.ptr, n, &found);
	if (found == NULL)
		return false;
	ret->uid = pw.pw_uid;
	ret->gid = pw.pw_gid;
	return true;
}

static bool find_group(const char *name, gid_t *ret)
{
	_cleanup_buf_ struct buf room = BUF_LOCAL(ENTRY_MAX);
	struct group gr, *found = NULL;
	int e = ERANGE;

	for (size_t n = 1024; e == ERANGE && n < ENTRY_MAX && buf_reserve(&room, n) == 0; n *= 2)
		e = getgrnam_r(name, &gr, room.ptr, n, &found);
	if (found == NULL)
		return false;
	*ret = gr.gr_gid;
	return true;
}

enum command_user command_user_check(const struct command_identity *id,
	const struct command_owner *owner)
{
	if (id->uid == 0)
		return COMMAND_USER_ROOT;
	if (id->uid == (uid_t)-1)
		return COMMAND_USER_NONE;
	if (owner->check && id->uid == owner->uid)
		return COMMAND_USER_OWNER;
	if (id->gid == 0)
		return COMMAND_USER_ROOT_GROUP;
	if (id->gid == (gid_t)-1)
		return COMMAND_USER_GROUP_NONE;
	if (owner->check && id->gid == owner->gid)
		return COMMAND_USER_OWNER_GROUP;
	if (owner->check && id->gid == owner->setgid)
		return COMMAND_USER_SETGID_GROUP;
	return COMMAND_USER_OK;
}

enum command_user command_user_find(struct str spec, const struct command_owner *owner,
	struct command_identity *ret, struct str *ret_name)
{
	ptrdiff_t colon = str_chr(spec, ':');
	struct str user = colon < 0 ? spec : str_head(spec, (size_t)colon);
	struct str group = colon < 0 ? STR_EMPTY : str_skip(spec, (size_t)colon + 1);
	_cleanup_free_ char *user_name = str_dup(user);
	_cleanup_free_ char *group_name = str_dup(group);
	struct command_identity id = { .change = owner->check };
	enum command_user verdict;

	*ret_name = user;
	if (!find_user(user_name, &id))
		return COMMAND_USER_UNKNOWN;
	*ret_name = group;
	if (group.len > 0 && !find_group(group_name, &id.gid))
		return COMMAND_USER_GROUP_UNKNOWN;
	verdict = command_user_check(&id, owner);
	*ret = id;
	return verdict;
}
