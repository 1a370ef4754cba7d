/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for live.c where libpcap is missing.
 */
#include "../capture.h"

int ds_capture_open_live(const struct ds_capture_live *o, struct ds_capture **out,
                         struct ds_error *err)
{
    return ds_error(err, DS_NETWORK,
                    "interface %s: this program was built without libpcap and reads only files; "
                    "build it again with libpcap's headers installed (package libpcap-dev)",
                    o->interface);
}
