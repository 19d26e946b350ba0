/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/stream.h — buffered byte stream over a descriptor, with limits and deadlines.
 *
 * All calls block, at most until the timeout of one operation (set by stream_timeout) or the
 * deadline of the whole request (stream_deadline), whichever is sooner. A TLS layer is put in
 * between by replacing the transport. Not shared between threads.
 *
 * Errors are negative errno: -ETIMEDOUT past the limit, -EPIPE/-ECONNRESET peer gone; a read at end
 * of file gives -ENODATA. After an error other than -EMSGSIZE every call returns that error again;
 * end of file stops reading only, so that a peer that closed its sending side still gets its reply.
 *
 * Invariant: input that waits is in[pos, len), output that waits is out[0, out_len).
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

struct stream;

/** What a stream reads from and writes to; ctx is the transport's own. Negative errno on failure. */
struct stream_ops {
	ssize_t (*read)(void *ctx, char *p, size_t n, usec_t deadline); /* 0 at end of file */
	ssize_t (*write)(void *ctx, const char *p, size_t n, usec_t deadline);
	int (*close)(void *ctx);
	bool (*pending)(void *ctx); /* bytes decoded but not yet read (TLS) */
};

/** A stream over a descriptor that it will own. Buffers are allocated at first use. */
_alloc_ struct stream *stream_new(int fd);
/** A stream that reads one descriptor and writes another (stdin and stdout); owns neither. */
_alloc_ struct stream *stream_new_pair(int rfd, int wfd);
/** Flush nothing, close, free. NULL is accepted. */
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free);
#define _cleanup_stream_ _cleanup_(stream_freep)
/** Flush and close, reporting the first error; frees in any case. */
_must_use_ int stream_close(struct stream *s);
/** Flush and close, reporting the first error; the memory stays for stream_again() or stream_free(). */
_must_use_ int stream_end(struct stream *s);
/**
 * A stream over a descriptor that it will own, in the memory of one that has ended.
 *
 * @param ended   after stream_end(); NULL: a new one
 * @param fd      the descriptor
 * @return the stream, in the state of stream_new()
 */
__attribute__((returns_nonnull)) struct stream *stream_again(struct stream *ended, int fd);
/**
 * Replace the transport; buffered input is discarded and counted in the return value.
 *
 * ops->close is called when the stream ends, before the descriptor is closed; output was flushed by
 * the caller.
 */
size_t stream_push(struct stream *s, const struct stream_ops *ops, void *ctx);
/** The descriptor that is read. */
int stream_fd(const struct stream *s);
/** Give up the descriptor: the stream may only be freed afterwards. */
int stream_detach(struct stream *s);

/** Limit of each read or write; 0: none. */
void stream_timeout(struct stream *s, usec_t timeout);
/** Absolute limit for everything until changed (per-request deadlines); USEC_NEVER: none. */
void stream_deadline(struct stream *s, usec_t deadline);
/**
 * Per-request deadline that data extends: `rate` bytes buy one second (smtpd_min_data_rate), but
 * never more than the timeout is left. 0 ends it. The deadline in force is the one of
 * stream_deadline().
 */
void stream_data_rate(struct stream *s, size_t rate);
/**
 * After -ETIMEDOUT: forget it and any deadline, so that a last reply can be written ("421 timeout").
 *
 * @param timeout   of what follows; short, because the peer may well be stuck
 */
void stream_last_word(struct stream *s, usec_t timeout);
/**
 * After a failed write, other than for want of time: forget it and what was to be written, so that
 * what the peer said before it hung up can be read. Otherwise nothing happens.
 */
void stream_read_on(struct stream *s);
/** The sticky error, or 0. */
int stream_error(const struct stream *s);

/** At least one byte is buffered, or readable without waiting. */
bool stream_readable(struct stream *s);
/** Bytes in the input buffer, borrowed until the next call. */
struct str stream_buffered(const struct stream *s);
/** Wait until input is buffered: 0, -ENODATA at end of file, or error. Flushes output first. */
_must_use_ int stream_fill(struct stream *s);
/** Drop `n` buffered bytes; n is not more than what is buffered. */
void stream_skip(struct stream *s, size_t n);
/** Read exactly `n` bytes into p: 0, -ENODATA at end of file before the first, -EPIPE in the midst. */
_must_use_ int stream_read(struct stream *s, char *p, size_t n);
/** Read one byte: 0..255 or negative errno. */
_must_use_ int stream_getc(struct stream *s);
/**
 * Read up to and including LF into `ret` (appended, LF included).
 *
 * @param max   longest line in bytes; when there is no LF within it, exactly max bytes are appended
 * @return 1 whole line; 0 piece of max bytes, the rest follows; -ENODATA at end of file with nothing
 *         read (a last line without LF returns 0 first); other negative errno
 */
_must_use_ int stream_line(struct stream *s, size_t max, struct buf *ret);
/** Read up to a byte `end`, which is consumed and not appended: 0; -EMSGSIZE past the limit of ret. */
_must_use_ int stream_until(struct stream *s, char end, struct buf *ret);

/** Buffer bytes for writing; large ones go straight through: 0 or negative errno. */
_must_use_ int stream_write(struct stream *s, struct str data);
/** Buffer formatted text. */
_must_use_ int stream_printf(struct stream *s, const char *fmt, ...) _printf_(2, 3);
/** Bytes that wait to be written. */
size_t stream_pending_out(const struct stream *s);
/** Write what waits: 0 or negative errno. */
_must_use_ int stream_flush(struct stream *s);
/** Monotonic time of the last successful write to the transport. */
usec_t stream_last_write(const struct stream *s);
