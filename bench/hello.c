/*
 * The peer of the page figures: a FastCGI program that answers "hello" and does nothing else, by
 * the same libfcgi in as many processes as the real pool, behind the same nginx settings.
 *
 * usage: hello PROCESSES, with a listening socket on descriptor 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <fcgiapp.h>

static void serve(void)
{
	FCGX_Request req;

	FCGX_Init();
	FCGX_InitRequest(&req, 0, 0);
	while (FCGX_Accept_r(&req) == 0) {
		FCGX_PutS("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n", req.out);
		FCGX_Finish_r(&req);
	}
}

int main(int argc, char **argv)
{
	int processes = argc > 1 ? atoi(argv[1]) : 4;

	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve();
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
