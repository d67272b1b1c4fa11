/*
 * Runs a fuzz target over files instead of under a fuzzer: one TAP line per file or directory entry
 * given. `make test` replays the corpus with it, so that an input which once broke something is
 * tried again on every machine, clang or not. A crash ends the program, which fails the test.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static void replay_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct stat st;
	if (!in || fstat(fileno(in), &st) != 0) {
		printf("not ok %d - %s: %s\n", ++replayed, path, strerror(errno));
		exit(1);
	}
	size_t size = (size_t)st.st_size;
	/* Exactly as long as the file, so that a sanitizer sees the first byte read past it. */
	uint8_t *data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, in) != size) {
		printf("not ok %d - %s: cannot read\n", ++replayed, path);
		exit(1);
	}
	fclose(in);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	printf("ok %d - %s\n", ++replayed, path);
	fflush(stdout);
}

static void replay_dir(const char *path)
{
	struct dirent **entry;
	int count = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			replay_file(name);
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_dir(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("1..%d\n", replayed);
	return replayed ? 0 : 1;
}
