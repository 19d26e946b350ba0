/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/envelope.c — records before the content.
 *
 * DSN attributes are taken aside for the recipient that follows. A record that is no recipient but
 * comes among recipients sets a hint, so that qmgr reads them all.
 */
#include <errno.h>

#include "base/num.h"
#include "intake/intake_priv.h"

/* Queue files may hold more seconds than any clock will show. */
#define TIME_MAX_SEC ((int64_t)1 << 40)

static const char the_rcpt_types[] = "MDRO/Kon";

/* "seconds" or "seconds microseconds". */
static int parse_time(struct str data, struct timeval *ret)
{
	struct str word;
	int64_t sec;
	int64_t usec = 0;

	if (!str_word(&data, " \t", &word) || num_i64(word, 0, TIME_MAX_SEC, &sec) < 0)
		return -EINVAL;
	if (str_word(&data, " \t", &word) && num_i64(word, 0, 999999, &usec) < 0)
		return -EINVAL;
	*ret = (struct timeval){ .tv_sec = (time_t)sec, .tv_usec = (suseconds_t)usec };
	return 0;
}

static void time_record(struct intake *it, struct str data)
{
	if (it->has_time || parse_time(data, &it->arrival) < 0)
		return;
	it->has_time = true;
	intake_put(it, REC_TIME, data);
	intake_put_attr(it, "create_time",
		arena_fmt(it->scratch, "%lld", (long long)(clock_wall() / USEC_PER_SEC)));
}

static void sender_record(struct intake *it, struct str data)
{
	struct str addr = data;

	if (it->has_sender) {
		intake_bad(it, "multiple envelope sender records");
		return;
	}
	it->has_sender = true;
	if (addr.len > 0) {
		addr = mapping_rewrite(it, addr, it->scratch);
		(void)mapping_apply(it, CLASS_ENV_FROM, &addr, it->scratch);
	}
	it->sender = arena_str(it->arena, addr);
	if (str_has_8bit(it->sender) && it->s->smtputf8_enable)
		it->sendopts |= (it->flags & INTAKE_AUTOUTF8) != 0
					? SENDOPT_SMTPUTF8_SENDER | SENDOPT_SMTPUTF8_REQUESTED
					: SENDOPT_SMTPUTF8_SENDER;
	intake_put(it, REC_FROM, it->sender);
	recipient_sender_bcc(it);
}

/* The first record of recipient type: what must stand before it does. */
static bool enter_rcpts(struct intake *it)
{
	if (it->in_rcpts)
		return true;
	if (!it->has_sender) {
		intake_bad(it, "missing sender envelope record");
		return false;
	}
	if (!it->has_time) {
		intake_bad(it, "missing time envelope record");
		return false;
	}
	if (!it->has_warn && it->sender.len > 0 && it->s->delay_warning_time > 0) {
		it->has_warn = true;
		intake_put(it, REC_WARN,
			arena_fmt(it->scratch, "%15lld",
				(long long)it->arrival.tv_sec +
					(long long)(it->s->delay_warning_time / USEC_PER_SEC)));
	}
	it->in_rcpts = true;
	return true;
}

static void forget_rcpt(struct intake *it)
{
	it->dsn_notify = 0;
	buf_clear(&it->dsn_orcpt);
	it->has_orig_rcpt = false;
}

void envelope_rcpt(struct intake *it, int type, struct str data)
{
	if (type == REC_ORCP) {
		buf_clear(&it->orig_rcpt);
		it->has_orig_rcpt = buf_add(&it->orig_rcpt, data) == 0;
		return;
	}
	if (type == REC_RCPT)
		recipient_add(it, it->has_orig_rcpt ? buf_str(&it->orig_rcpt) : data, data,
			buf_str(&it->dsn_orcpt), it->dsn_notify);
	forget_rcpt(it);
}

/* ---- attributes ---- */

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_print((unsigned char)s.ptr[i]) && s.ptr[i] != '\t')
			return false;
	return true;
}

/* "addrtype;address", the type an atom. */
static bool orcpt_ok(struct str s)
{
	ptrdiff_t semi = str_chr(s, ';');

	if (semi <= 0 || (size_t)semi + 1 == s.len)
		return false;
	for (ptrdiff_t i = 0; i < semi; i++)
		if (!is_alnum((unsigned char)s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return true;
}

static void notify_attr(struct intake *it, struct str data, struct str value)
{
	int64_t flags;
	const int64_t some = DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE | DSN_NOTIFY_DELAY;

	if (num_i64(value, 0, 1 << 20, &flags) < 0 || flags == 0 ||
		(flags != DSN_NOTIFY_NEVER && (flags & ~some) != 0)) {
		intake_warn(it, "ignoring malformed DSN notify record <" STR_FMT ">",
			STR_ARG(data));
		return;
	}
	it->dsn_notify = (int)flags;
	it->qmgr_opts |= flags << REC_OPT_NOTIFY_SHIFT;
}

/* Attributes of a recipient: never copied, never "mixed". True when it was one. */
static bool rcpt_attr(struct intake *it, struct str data, struct str name, struct str value)
{
	if (str_eq(name, STR("notify_flags"))) {
		notify_attr(it, data, value);
		return true;
	}
	if (str_eq(name, STR("dsn_orig_rcpt"))) {
		buf_clear(&it->dsn_orcpt);
		if (!orcpt_ok(value) || buf_add(&it->dsn_orcpt, value) < 0)
			intake_warn(it, "ignoring malformed DSN orig_rcpt record <" STR_FMT ">",
				STR_ARG(data));
		return true;
	}
	return false;
}

/* Attributes whose value must make sense: false when the message was refused. */
static bool check_attr(struct intake *it, struct str data, struct str name, struct str value)
{
	int64_t n;

	if (str_eq(name, STR("envelope_id")) && !is_printable(value)) {
		intake_bad(it, "bad DSN envelope ID record");
		return false;
	}
	if (str_eq(name, STR("ret_flags")) &&
		(num_i64(value, 0, 99, &n) < 0 || (n != DSN_RET_FULL && n != DSN_RET_HDRS))) {
		intake_bad(it, "bad DSN RET record <" STR_FMT ">", STR_ARG(data));
		return false;
	}
	if (str_eq(name, STR("trace_flags")) && num_i64(value, 0, INT32_MAX, &n) < 0) {
		intake_bad(it, "bad TFLAG record <" STR_FMT ">", STR_ARG(data));
		return false;
	}
	if (str_eq(name, STR("rewrite_context")) && !str_eq(value, STR("local")) &&
		!str_eq(value, STR("remote"))) {
		intake_bad(it, "bad rewriting context: " STR_FMT, STR_ARG(value));
		return false;
	}
	return true;
}

static void remember_attr(struct intake *it, struct str name, struct str value)
{
	struct {
		struct str name;
		struct str *dest;
	} known[] = {
		{ STR("log_message_origin"), &it->attr.log_origin },
		{ STR("log_protocol_name"), &it->attr.log_proto },
		{ STR("log_helo_name"), &it->attr.log_helo },
		{ STR("rewrite_context"), &it->attr.rewrite_context },
		{ STR("encoding"), &it->attr.encoding },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(name, known[i].name))
			*known[i].dest = arena_str(it->arena, value);
}

void envelope_attr(struct intake *it, struct str data)
{
	struct str name;
	struct str value;

	if (rec_attr_split(data, &name, &value) < 0) {
		intake_bad(it, "malformed attribute: missing '=' after attribute name: " STR_FMT,
			STR_ARG(str_head(data, 100)));
		return;
	}
	if (value.len == 0) {
		intake_warn(it, "spurious null attribute value for \"" STR_FMT "\" -- ignored",
			STR_ARG(name));
		return;
	}
	/* What belongs to a recipient is bounded by the number of recipients. */
	if (str_eq(name, STR("create_time")) || rcpt_attr(it, data, name, value))
		return;
	if (++it->n_attrs > it->s->queue_file_attribute_count_limit) {
		intake_bad(it, "attribute count exceeds limit %lld",
			(long long)it->s->queue_file_attribute_count_limit);
		return;
	}
	if (!check_attr(it, data, name, value))
		return;
	if (it->in_rcpts)
		it->qmgr_opts |= REC_OPT_MIXED;
	remember_attr(it, name, value);
	intake_put(it, REC_ATTR,
		arena_fmt(it->scratch, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value)));
}

/* ---- other records ---- */

/* Old records that say what attributes say today: the attribute's name, or NULL. */
static const char *pseudo_attr(int type)
{
	switch (type) {
	case REC_DSN_RET:
		return "ret_flags";
	case REC_DSN_ENVID:
		return "envelope_id";
	case REC_DSN_ORCPT:
		return "dsn_orig_rcpt";
	case REC_DSN_NOTIFY:
		return "notify_flags";
	default:
		return NULL;
	}
}

static void pseudo_record(struct intake *it, int type, const char *name, struct str data)
{
	if (rcpt_attr(it, data, str_of(name), data) || !check_attr(it, data, str_of(name), data))
		return;
	if (it->in_rcpts)
		it->qmgr_opts |= REC_OPT_MIXED;
	intake_put(it, type, data);
}

static void size_record(struct intake *it, struct str data)
{
	struct rec_size size;

	/* A requeued or submitted message keeps what its sender asked for. */
	if (rec_parse_size(data, &size) == 0 || size.sendopts != 0)
		it->sendopts |= size.sendopts & ~(int64_t)SENDOPT_DERIVED;
}

/* Two delimiters of those that are allowed. */
static bool verp_ok(const struct intake *it, struct str data)
{
	struct str allowed = str_of(it->s->verp_delimiter_filter);

	return data.len == 2 && str_chr(allowed, data.ptr[0]) >= 0 &&
	       str_chr(allowed, data.ptr[1]) >= 0;
}

static void verp_record(struct intake *it, struct str data)
{
	if (it->has_verp)
		return;
	if (it->sender.len == 0) {
		intake_warn(it, "ignoring VERP request for null sender");
	} else if (!verp_ok(it, data)) {
		intake_warn(it, "ignoring bad VERP request: \"" STR_FMT "\"",
			STR_ARG(str_head(data, 100)));
	} else {
		it->has_verp = true;
		intake_put(it, REC_VERP, data);
	}
}

static void flags_record(struct intake *it, struct str data)
{
	uint64_t flags = 0;

	if (num_u64(data, INT32_MAX, &flags) < 0 ||
		(flags & ~(uint64_t)(INTAKE_HOLD | INTAKE_DISCARD)) != 0) {
		intake_warn(it, "ignoring bad extra flags: 0x%llx", (unsigned long long)flags);
		return;
	}
	intake_add_flags(it, (unsigned)flags);
}

static void other_record(struct intake *it, int type, struct str data)
{
	switch (type) {
	case REC_WARN:
		it->has_warn = true;
		break;
	case REC_FULL:
		if (it->fullname.ptr != NULL)
			return;
		it->fullname = arena_str(it->arena, data);
		break;
	case REC_VERP:
		verp_record(it, data);
		return;
	default:
		break;
	}
	if (it->in_rcpts)
		it->qmgr_opts |= REC_OPT_MIXED;
	intake_put(it, type, data);
}

void envelope_record(struct intake *it, int type, struct str data)
{
	const char *pseudo = pseudo_attr(type);

	if (type == REC_FLGS) {
		flags_record(it, data);
		return;
	}
	if (type == REC_MESG) {
		if (enter_rcpts(it))
			content_begin(it);
		return;
	}
	if (strchr(REC_ENVELOPE, type) == NULL) {
		intake_bad(it, "unexpected record type %d in envelope", type);
		return;
	}
	if (pseudo != NULL) {
		if (strchr(the_rcpt_types, type) == NULL || enter_rcpts(it))
			pseudo_record(it, type, pseudo, data);
		return;
	}
	if (strchr(the_rcpt_types, type) != NULL && !enter_rcpts(it))
		return;
	switch (type) {
	case REC_SIZE:
		size_record(it, data);
		break;
	case REC_TIME:
		time_record(it, data);
		break;
	case REC_CTIME:
		break;
	case REC_FROM:
		sender_record(it, data);
		break;
	case REC_ATTR:
		envelope_attr(it, data);
		break;
	case REC_RCPT:
	case REC_DONE:
	case REC_DRCP:
	case REC_ORCP:
		envelope_rcpt(it, type, data);
		break;
	default:
		other_record(it, type, data);
		break;
	}
}
