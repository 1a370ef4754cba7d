/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of the built-in signatures, as the files say it of theirs. Their rules stand in
 * classify/classify.h.
 */
#include "signatures.h"

static const struct ds_signature_about builtins[DS_SIGNATURE_COUNT] = {
    [DS_SIGNATURE_MIRAI] = {.id = "mirai",
                            .name = "Mirai and its descendants: sequence number = destination",
                            .family = "Mirai",
                            .category = DS_CATEGORY_MALWARE,
                            .certainty = DS_CERTAINTY_SOURCE},
    [DS_SIGNATURE_MASSCAN] = {.id = "masscan",
                              .name = "Masscan: id = destination ^ port ^ sequence number",
                              .family = "Masscan",
                              .category = DS_CATEGORY_SCANNER,
                              .certainty = DS_CERTAINTY_SOURCE},
    [DS_SIGNATURE_ZMAP] = {.id = "zmap",
                           .name = "ZMap up to 4.0: id 54321",
                           .family = "ZMap",
                           .category = DS_CATEGORY_SCANNER,
                           .certainty = DS_CERTAINTY_SOURCE},
};

const struct ds_signature_about *ds_signature_builtin(unsigned signature)
{
    return signature < DS_SIGNATURE_COUNT ? &builtins[signature] : NULL;
}
