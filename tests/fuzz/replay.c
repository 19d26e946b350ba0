/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c — run a fuzz target over the files of a corpus, without a fuzzer.
 *
 * Also feeds each file cut at several places, so that truncation is always covered.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dir, const char *name)
{
	static uint8_t data[1 << 20];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, data, sizeof(data));
	close(fd);
	if (n < 0)
		return -1;
	(void)LLVMFuzzerTestOneInput(data, (size_t)n);
	for (size_t cut = (size_t)n; cut > 0; cut /= 2)
		(void)LLVMFuzzerTestOneInput(data, cut - 1);
	return 0;
}

int main(int argc, char **argv)
{
	int files = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (d == NULL) {
			perror(argv[i]);
			return 1;
		}
		while ((e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			if (replay_file(dirfd(d), e->d_name) != 0) {
				perror(e->d_name);
				return 1;
			}
			files++;
		}
		closedir(d);
	}
	printf("%d corpus files\n", files);
	return files > 0 ? 0 : 1;
}
