/* SPDX-License-Identifier: Apache-2.0 */
/* table/lmdb_file.c — see lmdb_file.h. */
#include "table/lmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Readers that overlap without end would keep a writer out: after this time they make a gap. */
#define READ_TURN (50 * USEC_PER_MSEC)

int lmdb_errno(int result)
{
	if (result == MDB_NOTFOUND)
		return -ENOENT;
	if (result == MDB_MAP_FULL)
		return -ENOSPC;
	/* Errors of LMDB itself are negative and not errno values. */
	return result > 0 ? -result : -EIO;
}

int lmdb_file_lock(const struct lmdb_file *f, short type)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET };

	while (fcntl(f->fd, F_OFD_SETLKW, &fl) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void lmdb_file_unlock(const struct lmdb_file *f)
{
	/* Unlocking a descriptor of ours cannot fail, and closing it unlocks too. */
	int r = lmdb_file_lock(f, F_UNLCK);

	check(r == 0);
}

static int open_env(struct lmdb_file *f, const char *path, unsigned flags, size_t map_size,
	mode_t mode)
{
	MDB_txn *txn = NULL;
	int r = mdb_env_create(&f->env);

	if (r != 0)
		return r;
	r = mdb_env_set_mapsize(f->env, map_size);
	if (r == 0)
		r = mdb_env_open(f->env, path, flags | MDB_NOSUBDIR | MDB_NOLOCK, mode);
	if (r == 0)
		r = mdb_env_get_fd(f->env, &f->fd);
	/* The file may have grown past our map: take over its size. */
	if (r == 0)
		r = mdb_txn_begin(f->env, NULL, flags & MDB_RDONLY, &txn);
	if (r == MDB_MAP_RESIZED) {
		r = mdb_env_set_mapsize(f->env, 0);
		if (r == 0)
			r = mdb_txn_begin(f->env, NULL, flags & MDB_RDONLY, &txn);
	}
	if (r == 0) {
		r = mdb_dbi_open(txn, NULL, 0, &f->dbi);
		if (r == 0)
			r = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	return r;
}

int lmdb_file_open(struct lmdb_file *f, const char *path, unsigned flags, size_t map_size,
	mode_t mode, struct why *why)
{
	*f = (struct lmdb_file){ .fd = -1 };

	int r = open_env(f, path, flags, map_size, mode);

	if (r != 0) {
		mdb_env_close(f->env);
		f->env = NULL;
		return why_set(why, lmdb_errno(r), "open database %s: %s", path, mdb_strerror(r));
	}
	if (pthread_mutex_init(&f->mutex, NULL) != 0 || pthread_cond_init(&f->changed, NULL) != 0)
		check(!"mutexes can be made");
	return 0;
}

void lmdb_file_close(struct lmdb_file *f)
{
	if (f->env == NULL)
		return;
	(void)pthread_cond_destroy(&f->changed);
	(void)pthread_mutex_destroy(&f->mutex);
	mdb_env_close(f->env);
	f->env = NULL;
}

/* Join the readers; the first takes the file's lock. */
static int enter(struct lmdb_file *f)
{
	int r = 0;

	pthread_mutex_lock(&f->mutex);
	if (f->readers > 0 && !f->draining && clock_now() - f->held_since > READ_TURN)
		f->draining = true;
	while (f->draining)
		pthread_cond_wait(&f->changed, &f->mutex);
	if (f->readers == 0) {
		r = lmdb_file_lock(f, F_RDLCK);
		f->held_since = clock_now();
	}
	if (r == 0)
		f->readers++;
	pthread_mutex_unlock(&f->mutex);
	return r;
}

static void leave(struct lmdb_file *f)
{
	pthread_mutex_lock(&f->mutex);
	if (--f->readers == 0) {
		lmdb_file_unlock(f);
		f->draining = false;
		pthread_cond_broadcast(&f->changed);
	}
	pthread_mutex_unlock(&f->mutex);
}

/* Somebody made the file larger than our map: adopt its size while nobody reads. */
static int adopt_size(struct lmdb_file *f)
{
	int r = 0;

	pthread_mutex_lock(&f->mutex);
	f->draining = f->readers > 0;
	while (f->readers > 0)
		pthread_cond_wait(&f->changed, &f->mutex);
	r = lmdb_file_lock(f, F_RDLCK);
	if (r == 0) {
		r = mdb_env_set_mapsize(f->env, 0);
		lmdb_file_unlock(f);
	}
	pthread_mutex_unlock(&f->mutex);
	return r;
}

int lmdb_file_begin(struct lmdb_file *f, MDB_txn **ret, struct why *why)
{
	/* A writer may double the size again between adopting and reading, but not for ever. */
	for (int attempt = 0; attempt < 10; attempt++) {
		int r = enter(f);

		if (r < 0)
			return why_errno(why, r, "lock database");
		r = mdb_txn_begin(f->env, NULL, MDB_RDONLY, ret);
		if (r == 0)
			return 0;
		leave(f);
		if (r != MDB_MAP_RESIZED)
			return why_set(why, lmdb_errno(r), "read database: %s", mdb_strerror(r));
		r = adopt_size(f);
		if (r != 0)
			return why_set(why, -EIO, "resize database map: %s",
				r < 0 ? strerror(-r) : mdb_strerror(r));
	}
	return why_set(why, -EAGAIN, "database keeps growing");
}

void lmdb_file_end(struct lmdb_file *f, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	leave(f);
}
