/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of the live feed: whatever the bytes are, they are refused, or are rows and names within
 * their bounds.
 */
#include "darkscope/live.h"

#include "darkscope/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ds_live_message m;
    if (ds_live_decode(data, size, &m))
        return 0;
    if (!ds_name_valid(m.sensor) || m.rows > DS_LIVE_ROWS_MAX || m.mark_count > DS_LIVE_MARKS_MAX)
        abort();
    for (size_t i = 0; i < m.rows; i++) {
        const struct ds_sample *s = &m.samples[i];
        if (s->type >= DS_TYPE_COUNT || s->cls >= DS_CLASS_COUNT || s->device >= DS_DEVICE_COUNT ||
            !ds_country_valid(s->country))
            abort();
    }
    for (unsigned i = 0; i < m.mark_count; i++)
        if (strlen(m.marks[i]) > DS_SIGNATURE_ID_MAX)
            abort();
    return 0;
}
