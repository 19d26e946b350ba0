/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/submit.h — a message of a local user on its way into the maildrop.
 *
 * What postdrop takes from standard input and submitd from its socket is one stream of records from a
 * peer that is not trusted: three segments (envelope, content, extracted recipients), each with the
 * types that a user may send. Who may submit, as whom, and what is written is said here, once.
 *
 * Invariants: the file is complete (mode 0744) and on stable storage when submit_finish() returned 0,
 * and gone after any other end; nothing that a peer sends reaches the file but records of the types
 * allowed, without NUL and line breaks outside of text, and with attributes that a user may set.
 *
 * A struct submit_conf is immutable and serves all threads; a struct submit belongs to one.
 */
#pragma once

#include "intake/intake.h"

/** Settings, named after the parameters; strings live as long as the conf. */
struct submit_settings {
	const char *authorized_submit_users;
	const char *local_login_sender_maps;
	const char *empty_address_local_login_sender_maps_lookup_key;
	const char *recipient_delimiter;
	int64_t message_size_limit; /* bytes of the file; 0: no limit */
	bool smtputf8_enable;
	bool enable_long_queue_ids;
	const struct table_settings *tables;
	const struct notes *log; /* what is ignored or failed, "uid=1000: ..." */
};

struct submit_conf;
/** Open lists and tables; those that cannot be opened refuse for now. Frees with the function below. */
_alloc_ struct submit_conf *submit_conf_new(const struct submit_settings *s);
/** NULL is accepted. */
void submit_conf_free(struct submit_conf *c);
/** Name of a table whose file has changed, or NULL. */
const char *submit_conf_changed(const struct submit_conf *c);

/** Who submits, as the kernel says. */
struct submit_user {
	uid_t uid;
	char login[256]; /* "" when the password file has no name */
};
/**
 * Find the login name of a user.
 *
 * @return 0, also when there is none; negative errno when the lookup failed
 * Blocks: on the name service.
 */
_must_use_ int submit_user_find(uid_t uid, struct submit_user *ret);
/**
 * May this user submit mail?
 *
 * @param u     the user
 * @param why   when not: for people
 */
_must_use_ enum lookup submit_allowed(const struct submit_conf *c, const struct submit_user *u,
	struct why *why);

/** The attribute that tells pickup for whom mail_owner wrote a file. */
#define SUBMIT_UID_ATTR "submit_uid"

struct submit;
/**
 * Create the file, with our time as that of arrival.
 *
 * @param u           the user
 * @param on_behalf   the file will not belong to the user: his id goes into it (SUBMIT_UID_ATTR)
 * @return 0; -EACCES, -EPERM, -EROFS no right to write there; other errno, with why
 * Blocks: on the disk.
 */
_must_use_ int submit_open(const struct submit_conf *c, const struct submit_user *u, bool on_behalf,
	struct submit **ret, struct why *why);
/** The queue id, valid until submit_free(). */
const char *submit_id(const struct submit *s);
/**
 * Take one record. Refusals and write errors are remembered; what follows is dropped.
 *
 * @return 1 go on; 0 it was the last (E); -EBADMSG not a record that a user may send here, with why
 *         ("uid=1000: unexpected record type: 84")
 */
_must_use_ int submit_record(struct submit *s, int type, struct str data, struct why *why);
/**
 * After E: put the message on stable storage, or remove it.
 *
 * @param ret_reason   text for the reply, often empty; valid until submit_free()
 * @return 0, or enum intake_status bits
 * Blocks: on the disk.
 */
_must_use_ unsigned submit_finish(struct submit *s, struct str *ret_reason);
/** Remove what is not finished, free. NULL is accepted. */
void submit_free(struct submit *s);
