/* SPDX-License-Identifier: Apache-2.0
 *
 * Room in a full spool: the windows of its oldest file are written anew at its end, those of an
 * hour as one where that may be, before the file is deleted.
 */
#ifndef DARKSCOPE_THIN_H
#define DARKSCOPE_THIN_H

#include "backlog.h"

/* 0: nobody needs the oldest file any more, and what stands for its windows is on the disk. -1
 * where that would gain too little or cannot be done. Each window is there once in either case, and
 * whatever the process or the disk breaks off. */
int ds_thin_oldest_file(struct ds_backlog *b);

#endif
