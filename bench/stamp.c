/*
 * The command of jobs that are measured: the first thing it does is to say when it began.
 */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return 0;
}
