/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/pool.h — work that may block (files, tables) is done by threads beside the loop.
 *
 * A job is embedded in the caller's structure. run() is called in a worker thread and touches nothing
 * but the job; done() is called in the loop afterwards, in order of completion.
 */
#pragma once

#include "base/list.h"

struct ev_loop;

struct job {
	struct list node;
	void (*run)(struct job *j);
	void (*done)(struct job *j);
};

struct pool;

/** A pool of at most `threads` threads, started as there is work for them. Lives as the process. */
_alloc_ struct pool *pool_new(struct ev_loop *loop, unsigned threads);
/** Hand over a job; never blocks. */
void pool_submit(struct pool *p, struct job *j);
/**
 * Hand over a job that only looks at or removes a file: done at once when no worker is busy, which
 * saves two changes of thread. done() is called from the loop all the same. May block on the disk.
 */
void pool_submit_quick(struct pool *p, struct job *j);
