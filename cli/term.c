/*
 * Drawing on a terminal.
 */
#include "cli/term.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool term_size(int *columns, int *rows)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return false;
	*columns = size.ws_col ? size.ws_col : 80;
	*rows = size.ws_row ? size.ws_row : 24;
	return true;
}

void term_put(const char *s, int columns, bool pad)
{
	int used = 0;

	for (; s && *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool first = (c & 0xc0) != 0x80;

		if (first && used >= columns)
			break;
		used += first;
		putchar(c < 0x20 || c == 0x7f ? '?' : c);
	}
	while (pad && used++ < columns)
		putchar(' ');
}

void term_bar(int percent)
{
	int filled = percent * TERM_BAR_COLUMNS / 100;

	putchar('[');
	for (int i = 0; i < TERM_BAR_COLUMNS; i++)
		putchar(i < filled ? '#' : '.');
	printf("] %3d%%", percent);
}

void term_end_line(void)
{
	fputs("\033[K\n", stdout);
}
