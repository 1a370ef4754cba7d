/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for xdp.c where libxdp is missing.
 */
#include "../capture.h"

int ds_capture_open_xdp(const struct ds_capture_live *o, struct ds_capture **out,
                        struct ds_error *err)
{
    return ds_error(err, DS_CONFIG,
                    "interface %s: this program was built without libxdp; set capture.method to "
                    "pcap, or build it again with libxdp's headers installed (packages libxdp-dev "
                    "and libbpf-dev)",
                    o->interface);
}
