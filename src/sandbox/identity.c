/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox/identity.c — giving up root; see sandbox.h. */
#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/sandbox.h"

/* Far above what any system allows. */
#define GROUPS_MAX 65536

/* The groups of a user: count, or negative errno. */
static int read_groups(const char *user, gid_t gid, gid_t **ret)
{
	int n = 64;
	gid_t *v = mem_array((size_t)n, sizeof(*v));

	while (getgrouplist(user, gid, v, &n) < 0) {
		if (n <= 0 || n > GROUPS_MAX) {
			free(v);
			return -EOVERFLOW;
		}
		v = mem_resize(v, (size_t)n, sizeof(*v));
	}
	*ret = v;
	return n;
}

static int change_root(const char *dir, struct why *why)
{
	if (dir == NULL)
		return 0;
	if (chdir(dir) < 0)
		return why_errno(why, -errno, "chdir %s", dir);
	if (chroot(".") < 0)
		return why_errno(why, -errno, "chroot %s", dir);
	if (chdir("/") < 0)
		return why_errno(why, -errno, "chdir / in %s", dir);
	return 0;
}

static int verify(uid_t uid, gid_t gid, struct why *why)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return why_errno(why, -errno, "getresuid");
	if (ru != uid || eu != uid || su != uid || rg != gid || eg != gid || sg != gid)
		return why_set(why, -EPERM, "identity did not change to uid %u gid %u", uid, gid);
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return why_set(why, -EPERM, "root privileges can be regained");
	return 0;
}

int sandbox_identity(const char *chroot_dir, const char *user, uid_t uid, gid_t gid,
	struct why *why)
{
	_cleanup_free_ gid_t *groups = NULL;
	int r;

	if (geteuid() != 0)
		return why_set(why, -EPERM, "only root can change identity");
	if (user == NULL)
		return change_root(chroot_dir, why);
	/* The name service is outside the new root. */
	r = read_groups(user, gid, &groups);
	if (r < 0)
		return why_errno(why, r, "supplementary groups of %s", user);

	size_t n = (size_t)r;

	r = change_root(chroot_dir, why);
	if (r < 0)
		return r;
	if (setgroups(n, groups) < 0)
		return why_errno(why, -errno, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return why_errno(why, -errno, "setresgid %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return why_errno(why, -errno, "setresuid %u", uid);
	return verify(uid, gid, why);
}
