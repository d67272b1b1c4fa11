/*
 * Between the two halves of the sniffer: how the child is called and where its socket is.
 */
#ifndef CORE_SNIFF_CHILD_H
#define CORE_SNIFF_CHILD_H

#define SNIFF_CHILD_WORD "--sniff-child"
#define SNIFF_CHILD_FD 3

#endif
