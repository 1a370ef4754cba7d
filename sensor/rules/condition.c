/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <stdlib.h> /* u_int, which the next one wants */

#include <pcap-bpf.h>

bool ds_rule_condition(const struct bpf_insn *program, const uint8_t *snap, uint32_t total,
                       uint32_t captured)
{
    return bpf_filter(program, snap, total, captured);
}
