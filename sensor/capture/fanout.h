/* SPDX-License-Identifier: Apache-2.0
 *
 * Several packet sockets on one interface that share its packets: each packet goes to one of them.
 */
#ifndef DARKSCOPE_CAPTURE_FANOUT_H
#define DARKSCOPE_CAPTURE_FANOUT_H

/* Joins the sockets, which are bound already, in a group of their own. By a hash of the flow; what
 * finds one's buffer full goes to another. Fragments stay as they are. 0, or -1 with errno. */
int ds_fanout_join(const int *sockets, unsigned count);

#endif
