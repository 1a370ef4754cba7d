/* SPDX-License-Identifier: Apache-2.0
 *
 * A window as a value of a message.
 */
#ifndef DARKSCOPE_WINDOW_FIELDS_H
#define DARKSCOPE_WINDOW_FIELDS_H

#include "fields.h"

/* struct ds_window as a map. Reading checks ranges, order and that the books balance; what it
 * allocated is in the window, also after a fault. */
extern const struct ds_codec ds_codec_window;

#endif
