/*
 * The verbs of the program dropmill. Each is called with its own name as argv[0] and returns the exit
 * code of the program (sysexits.h).
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int cmd_render(int argc, char **argv);

#endif
