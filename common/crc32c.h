/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (RFC 3720, B.4): finds accidents, not intent.
 */
#ifndef DARKSCOPE_CRC32C_H
#define DARKSCOPE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t ds_crc32c(const void *bytes, size_t size);
/* The same as on processors without an instruction for it; for tests. */
uint32_t ds_crc32c_plain(const void *bytes, size_t size);

#endif
