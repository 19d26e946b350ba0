/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/lmdb_file.h — one LMDB file shared by the threads of a process and by other programs.
 *
 * Other programs lock the file with fcntl() and use LMDB without its own locks, so that is what we
 * do: a shared lock while at least one thread reads, an exclusive one while writing. The locks are
 * those of the open file (F_OFD_SETLKW): they do not vanish when another descriptor for the same
 * file is closed, and they exclude the classic locks of other processes.
 *
 * Lock order: the mutex of the file, nothing else below it.
 */
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/why.h"

struct lmdb_file {
	MDB_env *env;
	MDB_dbi dbi;
	int fd; /* owned by env */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned readers;
	bool draining; /* new readers wait until the others have left */
	usec_t held_since;
};

/**
 * Open a file.
 *
 * @param path       with suffix
 * @param mode       permissions of a new file
 * @param flags      0 or MDB_RDONLY; without MDB_RDONLY the file is made when absent
 * @param map_size   smallest map, in bytes
 * @return 0; negative errno with "open database PATH: ..." in why
 */
_must_use_ int lmdb_file_open(struct lmdb_file *f, const char *path, unsigned flags,
	size_t map_size, mode_t mode, struct why *why);
void lmdb_file_close(struct lmdb_file *f);
/** Begin to read: 0 and a transaction; negative errno. Blocks while another program writes. */
_must_use_ int lmdb_file_begin(struct lmdb_file *f, MDB_txn **ret, struct why *why);
/** End what lmdb_file_begin() began. */
void lmdb_file_end(struct lmdb_file *f, MDB_txn *txn);
/** Lock the file with F_WRLCK or F_RDLCK: 0 or negative errno. Not for shared use by threads. */
_must_use_ int lmdb_file_lock(const struct lmdb_file *f, short type);
/** Undo lmdb_file_lock(). */
void lmdb_file_unlock(const struct lmdb_file *f);
/** LMDB's result as negative errno. */
int lmdb_errno(int result);
