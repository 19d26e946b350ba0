/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn — runs a command for each connection, on the connection. Source: spawn(8).
 *
 * Descriptors 0, 1 and 2 of the command are the client. Nothing that the client sends is read here.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "delivery/command_env.h"
#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/derive.h"
#include "service/service.h"

struct spawn_conf {
	const char *export_environment;
};

static const struct conf_var vars[] = {
	CV_STR(struct spawn_conf, export_environment),
	CV_END,
};

static struct spawn_conf the_conf;
static struct command the_command;
static struct strv the_env;

static void tell_end(const struct command_run *run, const struct command_result *res)
{
	const char *name = the_command.argv[0];

	if (res->end == COMMAND_TIMEOUT) {
		log_warn("%s: process id %d: command time limit exceeded", name, (int)run->pid);
		log_warn("command %s killed by signal %d", name, SIGKILL);
	} else if (res->end == COMMAND_EXITED && res->code != 0) {
		log_warn("command %s exit status %d", name, res->code);
	} else if (res->end == COMMAND_SIGNALED && res->code != SIGPIPE) {
		/* SIGPIPE: the client went away, and the command has noticed. */
		log_warn("command %s killed by signal %d", name, res->code);
	}
}

static void serve(_unused_ struct service_ctx *ctx, struct service_client *client)
{
	int fd = stream_fd(client->stream);
	int fds[3] = { fd, fd, fd };
	struct command_result res;
	struct command_run run;
	struct why why = { "" };
	int e;

	if (client->stand_alone)
		fds[1] = fds[2] = STDOUT_FILENO;
	e = command_start_on(&the_command, fds, &run, &why);
	if (e < 0) {
		/* As if the child itself had said so. */
		log_msg(LOG_SEV_FATAL, "%s", why.text);
		log_warn("command %s exit status 1", the_command.argv[0]);
		return;
	}
	command_finish(&run, &res);
	tell_end(&run, &res);
	command_done(&run);
}

static int parse_user(const char *value, const struct command_owner *owner, struct why *why)
{
	struct command_identity *id = &the_command.id;
	struct str name = STR_EMPTY;

	switch (command_user_find(str_of(value), owner, id, &name)) {
	case COMMAND_USER_SETGID_GROUP: /* documented for pipe(8) only */
	case COMMAND_USER_OK:
		break;
	case COMMAND_USER_UNKNOWN:
		return why_set(why, -EINVAL, "unknown user name: " STR_FMT, STR_ARG(name));
	case COMMAND_USER_GROUP_UNKNOWN:
		return why_set(why, -EINVAL, "unknown group name: " STR_FMT, STR_ARG(name));
	case COMMAND_USER_ROOT:
		return why_set(why, -EINVAL, "request to deliver as root");
	case COMMAND_USER_NONE:
		return why_set(why, -EINVAL, "request to deliver as user id -1");
	case COMMAND_USER_OWNER:
		return why_set(why, -EINVAL, "request to deliver as mail system owner");
	case COMMAND_USER_ROOT_GROUP:
		return why_set(why, -EINVAL, "request to use privileged group id %u", id->gid);
	case COMMAND_USER_GROUP_NONE:
		return why_set(why, -EINVAL, "request to use group id -1");
	case COMMAND_USER_OWNER_GROUP:
		return why_set(why, -EINVAL, "request to use mail system owner group id %u",
			id->gid);
	}
	return 0;
}

/* user=... argv=..., the latter last. */
static int parse_words(char **words, const struct command_owner *owner, struct why *why)
{
	bool has_user = false;

	for (; *words != NULL; words++) {
		struct str word = str_of(*words);
		int e = 0;

		if (str_starts(word, STR("argv="))) {
			*words += sizeof("argv=") - 1;
			the_command.argv = words;
			break;
		}
		if (!str_starts(word, STR("user=")))
			return why_set(why, -EINVAL, "unknown attribute name: %s", *words);
		has_user = true;
		e = parse_user(*words + sizeof("user=") - 1, owner, why);
		if (e < 0)
			return e;
	}
	if (!has_user)
		return why_set(why, -EINVAL, "missing user= attribute");
	if (the_command.argv == NULL)
		return why_set(why, -EINVAL, "missing argv= attribute");
	return 0;
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	struct command_owner owner = { .check = geteuid() == 0 };
	int e = derive_owner(ctx->conf, &owner.uid, &owner.gid, &owner.setgid, why);

	if (e == 0)
		e = parse_words(ctx->args, &owner, why);
	buf_putf(&name,
		"%s"
		"_time_limit",
		ctx->name);
	if (e == 0)
		e = conf_time(ctx->conf, buf_cstr(&name), &the_command.time_limit, why);
	if (e == 0)
		e = command_environment(str_of(the_conf.export_environment), &the_env, why);
	the_command.env = the_env.v;
	the_command.caller = "spawn_comand"; /* sic: log tools know it so */
	return e;
}

int main(int argc, char **argv)
{
	static const struct service spawn = {
		.name = "spawn",
		.kind = SERVICE_SINGLE,
		.flags = SERVICE_PRIVILEGED,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_IDENTITY | P_EXEC,
		.pre_jail = pre_jail,
		.serve = serve,
	};

	service_main(argc, argv, &spawn);
}
