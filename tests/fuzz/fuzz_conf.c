/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf.c — main.cf and master.cf: the text of the input is both (threats P11).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "conf/master_cf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char the_dir[64];

static void write_file(const char *name, struct str text)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", the_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(fd >= 0 && fd_write_all(fd, text) == 0);
	fd_close(fd);
}

static void remove_dir(void)
{
	char path[96];

	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", the_dir,
			i == 0 ? "main.cf" : "master.cf");
		(void)unlink(path);
	}
	(void)rmdir(the_dir);
}

static void ask(const struct conf *c)
{
	size_t pos = 0;
	const char *name, *value;
	struct why why;

	while (conf_settings_next(c, &pos, &name, &value)) {
		_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
		_cleanup_free_ char *text = NULL;
		int64_t number;
		usec_t duration;
		bool yes;

		(void)!conf_expand(c, name, &b, &why);
		if (conf_param_find(str_of(name)) == NULL)
			continue;
		(void)!conf_str(c, name, &text, &why);
		(void)!conf_int(c, name, &number, &why);
		(void)!conf_time(c, name, &duration, &why);
		(void)!conf_bool(c, name, &yes, &why);
	}
	conf_warn_unheeded(c, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from((const char *)data, size);
	struct master_cf services = { 0 };
	struct conf *c = NULL;
	struct why why;
	char path[96];

	if (the_dir[0] == '\0') {
		(void)snprintf(the_dir, sizeof(the_dir), "/tmp/postroad-fuzz.XXXXXX");
		check(mkdtemp(the_dir) != NULL);
		check(atexit(remove_dir) == 0);
	}
	write_file("main.cf", in);
	write_file("master.cf", in);
	if (conf_load(the_dir, NULL, &c, &why) == 0) {
		ask(c);
		conf_free(c);
	}
	(void)snprintf(path, sizeof(path), "%s/master.cf", the_dir);
	if (master_cf_load(path, false, NULL, &services, &why) == 0)
		master_cf_done(&services);
	return 0;
}
