/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/status.c — status messages between a child and master; see status.h.
 */
#include "ipc/status.h"

#include <errno.h>
#include <unistd.h>

int ipc_status_send(int fd, uint32_t generation, int avail)
{
	struct ipc_status s = { (int32_t)getpid(), generation, avail };

	for (;;) {
		ssize_t n = write(fd, &s, sizeof s);

		if (n == (ssize_t)sizeof s)
			return 0;
		if (n >= 0)
			return -EIO;
		if (errno != EINTR)
			return -errno;
	}
}

int ipc_status_recv(int fd, struct ipc_status *ret)
{
	struct ipc_status s;

	for (;;) {
		ssize_t n = read(fd, &s, sizeof s);

		if (n == (ssize_t)sizeof s) {
			*ret = s;
			return 1;
		}
		if (n == 0)
			return -ENODATA;
		if (n > 0)
			return -EBADMSG;
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}
