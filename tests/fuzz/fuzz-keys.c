/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of keys: what is taken is whole and unique, and what is refused is told with its place.
 */
#include "darkscope/key.h"
#include "darkscope/text.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = 0; kind < DS_KEY_KIND_COUNT; kind++) {
        struct ds_keys keys = {0};
        struct ds_error err = {.text = ""};
        int failed =
            ds_keys_parse("list", (const char *)data, size, (enum ds_key_kind)kind, &keys, &err);
        check(!failed || strncmp(err.text, "list:", 5) == 0);
        for (size_t i = 0; i < keys.count; i++) {
            check(ds_name_valid(keys.entries[i].name));
            check(strlen(keys.entries[i].z85) == DS_KEY_Z85);
            check(ds_keys_find(&keys, keys.entries[i].z85) == &keys.entries[i]);
        }
        ds_keys_finish(&keys);
    }
    return 0;
}
