/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_intake.c — a submission stream into intake, in a queue of its own, with maps and checks on.
 *
 * The first two bytes are the flags of the protocol. Whatever comes: no crash, a bounded file, and a
 * status of 0 exactly when there is a file that starts with a proper size record and ends with E
 * (unless the message was discarded).
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "intake/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECKS                                                                           \
	"pcre:{ {/^X-R:/ REJECT} {/^X-H:/ HOLD} {/^X-P:/ PREPEND A: b} {/^X-S:/ STRIP} " \
	"{/^X-B:/ BCC a@b} {/^X-F:/ FILTER a:b} {/^X-T:/ REPLACE To: me} {/^X-D:/ DISCARD} }"

static const struct table_settings the_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
};
static const struct queue_settings the_queue;

static const struct router_settings the_router_settings = {
	.myhostname = "h.test",
	.mydomain = "test",
	.myorigin = "h.test",
	.mydestination = "h.test",
	.empty_address_recipient = "MAILER-DAEMON",
	.recipient_delimiter = "+",
	.double_bounce_sender = "double-bounce",
	.append_at_myorigin = true,
	.append_dot_mydomain = true,
	.swap_bangpath = true,
	.allow_percent_hack = true,
	.remote_header_rewrite_domain = "",
	.virtual_alias_domains = "",
	.virtual_mailbox_domains = "",
	.relay_domains = "",
	.local_transport = "local",
	.virtual_transport = "virtual",
	.relay_transport = "relay",
	.default_transport = "smtp",
	.error_transport = "error",
	.relayhost = "",
	.transport_maps = "",
	.relocated_maps = "",
	.sender_dependent_relayhost_maps = "",
	.sender_dependent_default_transport_maps = "",
	.empty_address_relayhost_maps_lookup_key = "<>",
	.empty_address_default_transport_maps_lookup_key = "<>",
	.propagate_unmatched_extensions = "canonical, virtual",
	.parent_domain_matches_subdomains = "",
	.tables = &the_tables,
};

static struct intake_settings the_settings = {
	.myhostname = "h.test",
	.myorigin = "h.test",
	.mail_name = "Postroad",
	.always_bcc = "all",
	.sender_bcc_maps = "inline:{s@h.test=sb}",
	.recipient_bcc_maps = "inline:{r@h.test=rb}",
	.canonical_maps = "inline:{ {c=canon} {l1=l2} {l2=l1} }",
	.sender_canonical_maps = "",
	.recipient_canonical_maps = "",
	.canonical_classes = "envelope_sender, envelope_recipient, header_sender, header_recipient",
	.sender_canonical_classes = "",
	.recipient_canonical_classes = "",
	.masquerade_domains = "m.test",
	.masquerade_exceptions = "root",
	.masquerade_classes = "envelope_sender, header_sender, header_recipient",
	.virtual_alias_maps = "inline:{ {v=a b c} {a=v} {b=b,d} {@x=@y} {@y=@x} }",
	.virtual_alias_recursion_limit = 20,
	.virtual_alias_expansion_limit = 20,
	.virtual_alias_address_length_limit = 100,
	.propagate_unmatched_extensions = "canonical, virtual",
	.header_checks = CHECKS,
	.mime_header_checks = CHECKS,
	.nested_header_checks = CHECKS,
	.body_checks = CHECKS,
	.body_checks_size_limit = 1000,
	.message_drop_headers = "bcc, content-length",
	.empty_address_recipient = "MAILER-DAEMON",
	.undisclosed_recipients_header = "To: nobody:;",
	.remote_header_rewrite_domain = "",
	.header_from_format = "standard",
	.message_reject_characters = "\\001",
	.message_strip_characters = "\\002",
	.full_name_encoding_charset = "utf-8",
	.header_size_limit = 300,
	.header_address_token_limit = 50,
	.hopcount_limit = 10,
	.mime_boundary_length_limit = 50,
	.mime_nesting_limit = 3,
	.queue_file_attribute_count_limit = 20,
	.message_size_limit = 100000,
	.line_length_limit = 100,
	.duplicate_filter_limit = 20,
	.delay_warning_time = USEC_PER_SEC,
	.enable_original_recipient = true,
	.strict_7bit_headers = true,
	.strict_mime_encoding_domain = true,
	.detect_8bit_encoding_header = true,
	.cleanup_replace_stray_cr_lf = true,
	.smtputf8_enable = true,
	.tls_required_enable = true,
	.requiretls_enable = true,
	.requiretls_esmtp_header = true,
	.non_empty_end_of_header_action = "add_header",
	.verp_delimiter_filter = "-=+",
	.queue = &the_queue,
	.tables = &the_tables,
};

static struct intake_conf *the_conf;

static char the_dir[] = "/tmp/fuzz_intake.XXXXXX";

static void remove_dir(void)
{
	(void)rmdir("incoming");
	(void)rmdir("hold");
	(void)rmdir(the_dir);
}

static struct intake_conf *conf(void)
{
	struct router *router;
	struct why why;

	if (the_conf != NULL)
		return the_conf;
	check(mkdtemp(the_dir) != NULL && chdir(the_dir) == 0 && atexit(remove_dir) == 0);
	check(mkdir("incoming", 0700) == 0 && mkdir("hold", 0700) == 0);
	check(router_new(&the_router_settings, &router, &why) == 0);
	the_settings.router = router;
	check(intake_conf_new(&the_settings, &the_conf, &why) == 0);
	return the_conf;
}

/* The file of a message, if there is one; it is removed. */
static bool take(const char *id, struct buf *bytes)
{
	static const char *const queues[] = { "incoming", "hold" };
	char path[QUEUE_PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", queues[i], id);
		if (fd_read_file(path, bytes) == 0)
			return unlink(path) == 0;
	}
	return false;
}

static void check_file(struct str in)
{
	struct rec_size size;
	struct str data;
	int type = 0;
	bool first = true;

	while (in.len > 0) {
		ssize_t n = rec_get(in, 0, &type, &data);

		check(n > 0 && type != REC_PTR);
		if (first)
			check(type == REC_SIZE && rec_parse_size(data, &size) == 0 &&
				size.rcpt_count > 0);
		first = false;
		in = str_skip(in, (size_t)n);
	}
	check(type == REC_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf bytes = BUF(200000);
	char id[QUEUE_ID_MAX + 1];
	struct intake *it;
	struct str in;
	struct str record;
	unsigned flags;
	unsigned status;
	struct why why;
	bool there;
	int type;
	ssize_t n;

	if (size < 2)
		return 0;
	/* Bounces need the bounce service. */
	flags = (data[0] | (unsigned)data[1] << 8) & ~(unsigned)INTAKE_BOUNCE;
	in = str_from((const char *)data + 2, size - 2);
	check(intake_open(conf(), flags, &it, &why) == 0);
	(void)snprintf(id, sizeof(id), "%s", intake_id(it));
	while ((n = rec_get(in, 0, &type, &record)) > 0) {
		(void)intake_record(it, type, record);
		in = str_skip(in, (size_t)n);
	}
	status = intake_finish(it, NULL);
	intake_free(it);
	there = take(id, &bytes);
	check(!there || status == 0);
	if (there)
		check_file(buf_str(&bytes));
	return 0;
}
