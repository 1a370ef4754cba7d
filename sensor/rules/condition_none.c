/* SPDX-License-Identifier: Apache-2.0
 *
 * Where libpcap is missing there is no condition (signatures/filter_none.c), so none holds.
 */
#include "rules.h"

bool ds_rule_condition(const struct bpf_insn *program, const uint8_t *snap, uint32_t total,
                       uint32_t captured)
{
    (void)program;
    (void)snap;
    (void)total;
    (void)captured;
    return false;
}
