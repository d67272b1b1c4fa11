/*
 * Drawing on a terminal.
 */
#include "cli/term.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/str.h"

#define DRAW_MS 100

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

void term_progress_begin(struct term_progress *p, const char *what, int64_t total)
{
	int columns, rows;

	*p = (struct term_progress){.what = what, .total = total};
	p->shown = !cli.json && term_size(&columns, &rows) && columns >= 60;
}

void term_progress_add(struct term_progress *p, int64_t bytes)
{
	int64_t now = clock_boot_ms();
	char done[16], total[16];

	p->done += bytes;
	if (p->total < p->done)
		p->total = p->done;
	if (!p->shown || now - p->drawn_at < DRAW_MS)
		return;
	p->drawn_at = now;
	putchar('\r');
	term_put(p->what, 10, true);
	putchar(' ');
	term_bar(p->total ? (int)(p->done * 100 / p->total) : 0);
	printf(" %s of %s\033[K", str_bytes(p->done, done), str_bytes(p->total, total));
	fflush(stdout);
}

void term_progress_end(struct term_progress *p)
{
	if (p->shown && p->drawn_at)
		fputs("\r\033[K", stdout);
	fflush(stdout);
	p->shown = false;
}

void term_end_line(void)
{
	fputs("\033[K\n", stdout);
}
