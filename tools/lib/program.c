/*
 * Running another program. It shares our process group and sandbox, so whatever ends us ends it.
 */
#include "tools/lib/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/lib/tool.h"

#define SAID_MAX 65536

static _Noreturn void become(const char *const *argv, int out)
{
	int in = open("/dev/null", O_RDONLY);

	signal(SIGTERM, SIG_DFL);
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

int program_run(const char *const *argv, struct buf *said)
{
	int pipes[2], status;
	char block[4096];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		tool_die(EX_OSERR, "cannot start %s: %s", argv[0], strerror(errno));
	if (pid == 0)
		become(argv, pipes[1]);
	close(pipes[1]);
	while ((n = read(pipes[0], block, sizeof block)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && said->len < SAID_MAX)
			buf_add(said, block, (size_t)n);
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		tool_die(EX_UNAVAILABLE, "%s is not installed", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *program_value(const char *said, const char *key)
{
	static char value[256];
	size_t len = strlen(key);

	for (const char *line = said; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		len = strcspn(line, "\r\n");
		while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			len--;
		len = len < sizeof value - 1 ? len : sizeof value - 1;
		memcpy(value, line, len);
		value[len] = '\0';
		return value;
	}
	return NULL;
}
