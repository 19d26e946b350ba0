/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/status.h — what a child tells master, and the descriptors it inherits.
 *
 * 12 bytes native: pid, generation, available. Written with one write(2). `available` is 0 taken or
 * 1 available; a process that serves several clients at once announces itself to our own master
 * (POSTROAD_CLIENTS in the environment) with one message whose `available` is 1 | clients << 8, and
 * once more when it has served somebody; a process that drains sends 0 | clients left << 8.
 */
#pragma once

#include "base/macros.h"

#define IPC_FLOW_READ_FD  3
#define IPC_FLOW_WRITE_FD 4
#define IPC_STATUS_FD     5
#define IPC_LISTEN_FD     6

#define IPC_TAKEN 0
#define IPC_AVAIL 1

struct ipc_status {
	int32_t pid;
	uint32_t generation;
	int32_t avail;
};

/** Send one status: 0 or negative errno (-EPIPE: master is gone). */
_must_use_ int ipc_status_send(int fd, uint32_t generation, int avail);
/** Read one status from a non-blocking channel: 1, 0 nothing there, -ENODATA closed, -EBADMSG part. */
_must_use_ int ipc_status_recv(int fd, struct ipc_status *ret);
