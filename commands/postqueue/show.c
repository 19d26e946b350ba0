/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/show.c — the listing as mailq prints it, and as JSON lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "net/socket.h"
#include "postqueue.h"
#include "queue/dir.h"

/* Where reasons end. */
#define COLUMN 76

static struct {
	int64_t bytes;
	unsigned long messages;
	char *reason;        /* of the recipient before */
	unsigned recipients; /* of this message, for JSON */
} the_list;

static void put_shown(FILE *out, const char *before, struct str s, const char *after)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(SIZE_MAX / 2);

	text_printable(&b, s, true);
	(void)fprintf(out, "%s%s%s\n", before, buf_cstr(&b), after);
}

static void text_begin(FILE *out)
{
	(void)out;
	the_list.bytes = 0;
	the_list.messages = 0;
}

static void text_header(FILE *out)
{
	if (the_conf.enable_long_queue_ids)
		(void)fprintf(out, "%-17s %8s %-19s %s\n", "----Queue ID-----", "--Size--",
			"---Arrival Time----", "--Sender/Recipient------");
	else
		(void)fprintf(out, "%-11s %7s %-20s %s\n", "-Queue ID-", "--Size--",
			"----Arrival Time----", "-Sender/Recipient-------");
}

static void text_message(FILE *out, const char *queue, const char *id, int64_t time, int64_t size,
	bool expired, const char *sender)
{
	_cleanup_buf_ struct buf flagged = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf date = BUF_LOCAL(BUF_SMALL);

	if (the_list.messages++ == 0)
		text_header(out);
	else
		(void)fputc('\n', out);
	the_list.bytes += size;
	buf_putf(&flagged, "%.255s", id);
	if (strcmp(queue, QUEUE_ACTIVE) == 0)
		buf_putc(&flagged, '*');
	else if (strcmp(queue, QUEUE_HOLD) == 0)
		buf_putc(&flagged, '!');
	if (expired)
		buf_putc(&flagged, '#');
	clock_ctime(&date, (time_t)time);
	if (the_conf.enable_long_queue_ids)
		(void)fprintf(out, "%-17s %8lld %19.19s ", buf_cstr(&flagged), (long long)size,
			buf_cstr(&date));
	else
		(void)fprintf(out, "%-11s %7lld %20.20s ", buf_cstr(&flagged), (long long)size,
			buf_cstr(&date));
	put_shown(out, "", str_of(sender), "");
}

/* Reasons are printed when they change. */
static void text_reason(FILE *out, struct str reason)
{
	const char *before = the_list.reason == NULL ? "" : the_list.reason;
	int width;

	if (str_eq(reason, str_of(before)))
		return;
	free(the_list.reason);
	the_list.reason = str_dup(reason);
	if (reason.len == 0)
		reason = STR("reason unavailable");
	width = reason.len < COLUMN ? (int)(COLUMN - reason.len) : 0;
	(void)fprintf(out, "%*s", width, "");
	put_shown(out, "(", reason, ")");
}

static void text_recipient(FILE *out, const struct list_recipient *r)
{
	text_reason(out, r->reason);
	if (the_conf.enable_long_queue_ids)
		(void)fprintf(out, "%-17s %8s %-19s ", "", "", "");
	else
		(void)fprintf(out, "%-11s %7s %-20s ", "", "", "");
	put_shown(out, "", r->address, "");
}

static void text_message_end(FILE *out)
{
	(void)out;
	free(TAKE(the_list.reason));
}

static void text_end(FILE *out)
{
	if (the_list.messages == 0)
		(void)fprintf(out, "Mail queue is empty\n");
	else
		(void)fprintf(out, "\n-- %lld Kbytes in %lu Request%s.\n",
			(long long)(the_list.bytes / 1024), the_list.messages,
			the_list.messages == 1 ? "" : "s");
}

const struct list_ops list_as_text = {
	.begin = text_begin,
	.message = text_message,
	.recipient = text_recipient,
	.message_end = text_message_end,
	.end = text_end,
};

/* A JSON string; bytes that are no UTF-8 become '?'. */
static void put_json(FILE *out, struct str s)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		switch (c) {
		case '"':
		case '\\':
			(void)fprintf(out, "\\%c", c);
			break;
		case '\b':
			(void)fputs("\\b", out);
			break;
		case '\f':
			(void)fputs("\\f", out);
			break;
		case '\n':
			(void)fputs("\\n", out);
			break;
		case '\r':
			(void)fputs("\\r", out);
			break;
		case '\t':
			(void)fputs("\\t", out);
			break;
		default:
			if (c < 0x20 || c == 0x7f)
				(void)fprintf(out, "\\u%04X", c);
			else
				(void)fputc(c, out);
			break;
		}
	}
	(void)fputc('"', out);
}

static void json_string(FILE *out, const char *key, struct str value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(SIZE_MAX / 2);

	(void)fprintf(out, "\"%s\": ", key);
	if (!utf8_is_valid(value)) {
		text_printable(&b, value, false);
		value = buf_str(&b);
	}
	put_json(out, value);
}

static void json_begin(FILE *out)
{
	(void)out;
}

static void json_message(FILE *out, const char *queue, const char *id, int64_t time, int64_t size,
	bool expired, const char *sender)
{
	(void)fputc('{', out);
	json_string(out, "queue_name", str_of(queue));
	(void)fputs(", ", out);
	json_string(out, "queue_id", str_of(id));
	(void)fprintf(out, ", \"arrival_time\": %lld, \"message_size\": %lld, ", (long long)time,
		(long long)size);
	(void)fprintf(out, "\"forced_expire\": %s, ", expired ? "true" : "false");
	json_string(out, "sender", str_of(sender));
	(void)fputs(", \"recipients\": [", out);
	the_list.recipients = 0;
}

static void json_recipient(FILE *out, const struct list_recipient *r)
{
	const char *reason = "other_reason";

	if (str_eq(r->class, STR("defer")))
		reason = "delay_reason";
	else if (str_eq(r->class, STR("bounce")))
		reason = "bounce_reason";
	(void)fputs(the_list.recipients++ > 0 ? ", {" : "{", out);
	if (r->original.len > 0) {
		json_string(out, "orig_address", r->original);
		(void)fputs(", ", out);
	}
	json_string(out, "address", r->address);
	if (r->reason.len > 0) {
		(void)fputs(", ", out);
		json_string(out, reason, r->reason);
	}
	(void)fputc('}', out);
}

static void json_message_end(FILE *out)
{
	(void)fputs("]}\n", out);
}

static void json_end(FILE *out)
{
	(void)out;
}

const struct list_ops list_as_json = {
	.begin = json_begin,
	.message = json_message,
	.recipient = json_recipient,
	.message_end = json_message_end,
	.end = json_end,
};

static void list_from(struct stream *in, bool json)
{
	struct why why;
	int r = list_read(in, json ? &list_as_json : &list_as_text, stdout, &why);

	if (fflush(stdout) != 0)
		log_fatal("output write error: %m");
	if (r < 0)
		log_fatal("malformed showq server response: %s", why.text);
}

/* A showq of our own, its listing on a pipe. */
static void list_directly(bool json)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_stream_ struct stream *in = NULL;
	int p[2];
	pid_t pid;

	buf_putf(&path, "%s/showq", the_conf.daemon_directory);
	if (pipe2(p, O_CLOEXEC) < 0)
		log_fatal("pipe: %m");
	pid = fork();
	if (pid < 0)
		log_fatal("fork: %m");
	if (pid == 0) {
		gid_t group = getgid();

		/* With the group of a set-gid program, showq would take nobody's word for its main.cf. */
		if (setresgid(group, group, group) < 0)
			log_fatal("setresgid(%u): %m", (unsigned)group);
		if (dup2(p[1], STDOUT_FILENO) >= 0 && setenv("POSTROAD_LISTING", "3.11", 1) == 0)
			(void)execl(buf_cstr(&path), "showq", "-u", "-S", (char *)NULL);
		log_fatal("execute %s: %m", buf_cstr(&path));
	}
	fd_close(p[1]);
	in = stream_new(p[0]);
	list_from(in, json);
}

void show_queue(bool json)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	_cleanup_stream_ struct stream *in = NULL;
	int fd;

	if (door_is_needed()) {
		in = door_ask("Queue report unavailable", "list", "");
		stream_timeout(in, 0);
		list_from(in, json);
		return;
	}
	buf_putf(&path, "public/%s", the_conf.showq_service_name);
	fd = net_connect_unix_named(buf_cstr(&path), USEC_NEVER, NULL);
	if (fd >= 0) {
		in = stream_new(fd);
		list_from(in, json);
	} else if (getuid() == 0) {
		log_warn("Mail system is down -- accessing queue directly (Connect to the %s %s "
			 "service: %s)",
			"public", the_conf.showq_service_name, strerrordesc_np(-fd));
		list_directly(json);
	} else {
		log_fatal_status(EX_UNAVAILABLE);
		log_fatal("Queue report unavailable - mail system is down (Connect to the %s %s "
			  "service: %s)",
			"public", the_conf.showq_service_name, strerrordesc_np(-fd));
	}
}
