/*
 * Running programs of ours.
 */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"

static const char *own_directory(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n <= 0)
		cli_fail(EX_OSERR, "cannot find our own program: %s", strerror(errno));
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return arena_strdup(&cli.arena, path);
}

const char *program_beside(const char *name)
{
	static const char *const places[] = {"", "/../sbin"};

	for (size_t i = 0; i < 2; i++) {
		const char *path =
		    arena_printf(&cli.arena, "%s%s/%s", own_directory(), places[i], name);

		if (access(path, X_OK) == 0)
			return path;
	}
	cli_fail(EX_UNAVAILABLE, "%s does not lie beside this program", name);
}

pid_t program_start(const char *const *argv, int in, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		cli_fail(EX_OSERR, "cannot start %s: %s", argv[0], strerror(errno));
	if (pid)
		return pid;
	if (in < 0)
		in = open("/dev/null", O_RDONLY);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(EX_OSERR);
	execv(argv[0], (char *const *)argv);
	_exit(EX_UNAVAILABLE);
}

const char *program_ask(const char *const *argv, const char *input, int *code)
{
	size_t len = strlen(input);
	int in = memfd_create("input", MFD_CLOEXEC), pipes[2], status;
	const char *text;
	struct buf said;
	ssize_t n;
	pid_t pid;

	if (in < 0 || write(in, input, len) != (ssize_t)len || lseek(in, 0, SEEK_SET) < 0 ||
	    pipe2(pipes, O_CLOEXEC) < 0)
		cli_fail(EX_OSERR, "cannot start %s: %s", argv[0], strerror(errno));
	pid = program_start(argv, in, pipes[1]);
	close(in);
	close(pipes[1]);
	buf_init(&said);
	while ((n = read(pipes[0], buf_reserve(&said, 4096), 4096)) > 0)
		said.len += (size_t)n;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	text = arena_strndup(&cli.arena, said.data, said.len);
	buf_release(&said);
	return text;
}
