/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for interface_pcap.c where libpcap is missing.
 */
#include "output.h"

int ds_gen_open_interface(const struct ds_gen_options *o, struct ds_gen_output **out,
                          struct ds_error *err)
{
    return ds_error(err, DS_USAGE,
                    "--interface %s: built without libpcap; use --output or rebuild with "
                    "-Dlive=enabled",
                    o->interface);
}
