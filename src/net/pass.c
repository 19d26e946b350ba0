/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/pass.c — descriptors and identities over UNIX-domain sockets; see socket.h.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "net/socket.h"

/* A control message that carries exactly one descriptor, aligned for the kernel. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int net_send_fd(int sock, int fd, usec_t deadline)
{
	union control control = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	for (;;) {
		int r = fd_wait(sock, POLLOUT, deadline);

		if (r < 0)
			return r;
		if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

/* The descriptor in a received message, or -EBADMSG; what came beside it is closed. */
static int fd_of(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;
	size_t n;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof fd;
	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (n != 1)
			fd_close(fd);
	}
	return n == 1 ? fd : -EBADMSG;
}

int net_recv_fd(int sock, usec_t deadline)
{
	for (;;) {
		union control control = { 0 };
		char byte = 0;
		struct iovec iov = { &byte, 1 };
		struct msghdr msg = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control.room };
		int r = fd_wait(sock, POLLIN, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n == 1)
			return fd_of(&msg);
		if (n == 0)
			return -ENODATA;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int net_peer_uid(int sock, uid_t *ret_uid, gid_t *ret_gid)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (ret_uid != NULL)
		*ret_uid = cred.uid;
	if (ret_gid != NULL)
		*ret_gid = cred.gid;
	return 0;
}
