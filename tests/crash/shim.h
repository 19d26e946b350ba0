/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash/shim.h — the log that the crash tests' shim writes, and its controls. `log.py` reads it.
 *
 * A mapped file: this header in the first page, then records, each a struct shim_record and its two
 * strings, padded to 8 bytes. Every operation is made and written down under one lock that all processes
 * share, so the order of records is the order of what happened.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#define SHIM_MAGIC 0x31676f6c68737263ULL
#define SHIM_START 4096

enum shim_type {
	SHIM_CREATE = 1, /* a new file: ino, a = mode, b = uid << 32 | gid, path */
	SHIM_WRITE,      /* ino, a = offset, b = length; data, none when all is zero */
	SHIM_TRUNCATE,   /* ino, a = length; also from open(O_TRUNC) */
	SHIM_CHMOD,      /* ino, a = mode */
	SHIM_UTIMES,     /* ino, a = modification time, seconds */
	SHIM_RENAME,     /* ino, from, to */
	SHIM_LINK,       /* ino, from, to */
	SHIM_UNLINK,     /* ino, path */
	SHIM_MKDIR,      /* ino, a = mode, b = owner, path */
	SHIM_RMDIR,      /* ino, path */
	SHIM_SYNC_BEGIN, /* ino (0: all files), a = enum shim_sync */
	SHIM_SYNC_END,   /* the same, b = number of the begin */
	SHIM_NOTE,       /* text */
	SHIM_CHOWN,      /* ino, b = owner */
	SHIM_MAP,        /* ino: mapped shared and writable: its content is not followed */
	SHIM_PROCESS,    /* program name */
	SHIM_ALLOCATE,   /* ino, a = offset, b = length */
	SHIM_ODD,        /* a call that the model does not know: text */
};

enum shim_sync {
	SHIM_FSYNC = 1,
	SHIM_FDATASYNC,
	SHIM_SYNCFS,
};

struct shim_record {
	uint32_t size; /* of all, a multiple of 8 */
	uint32_t type;
	uint32_t pid;
	uint32_t number;
	uint64_t ino;
	uint64_t a;
	uint64_t b;
	uint32_t len1;
	uint32_t len2;
};

/* What can fail or be slow, a bit each in shim_header.fail_calls. */
enum shim_call {
	SHIM_ON_OPEN = 1 << 0,   /* open that creates */
	SHIM_ON_WRITE = 1 << 1,  /* write, pwrite to files below root */
	SHIM_ON_SYNC = 1 << 2,   /* fsync, fdatasync, syncfs */
	SHIM_ON_NAME = 1 << 3,   /* rename, link, mkdir */
	SHIM_ON_SOCKET = 1 << 4, /* socket, accept */
	SHIM_ON_READ = 1 << 5,   /* open that only reads, below root */
};

struct shim_header {
	uint64_t magic;
	uint64_t size;
	uint64_t used;
	uint64_t dev;       /* of what is below root */
	uint32_t is_logged; /* 0: faults only */
	uint32_t is_full;   /* a record had no room */
	uint32_t count;
	uint32_t root_len;
	char root[512];
	/* Controls, which the test writes while the system runs. */
	uint32_t fail_calls;
	uint32_t fail_errno;
	uint32_t fail_per_mille;
	uint32_t sync_delay_ms;
	uint32_t failed; /* how many calls failed by this */
	uint32_t died;   /* how many processes have ended by what follows */
	/* A process of this name ends, as if killed, behind its countdown-th operation (of all of them together); 0: none. */
	char victim[24];
	uint32_t countdown;
	uint32_t pad;
	pthread_mutex_t lock;
};
