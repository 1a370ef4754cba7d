/* SPDX-License-Identifier: Apache-2.0
 *
 * The key "sketches" of a window.
 */
#ifndef DARKSCOPE_SKETCH_FIELDS_H
#define DARKSCOPE_SKETCH_FIELDS_H

#include "fields.h"

extern const struct ds_codec ds_codec_sketches; /* struct ds_sketches */

#endif
