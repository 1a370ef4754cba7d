/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of a signature, and how faults are told.
 */
#include "definition.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ds_signature_tell(struct ds_signature_faults *faults, const char *text)
{
    faults->count++;
    faults->tell(faults->arg, text);
}

void ds_signature_fault(struct ds_signature_faults *faults, const struct ds_signature_entry *e,
                        unsigned line, const char *format, ...)
{
    char text[DS_ERROR_TEXT];
    va_list args;
    int used = snprintf(text, sizeof text, "%s:%u: signature '%s': ", e->file,
                        line ? line : e->line, e->about.id);
    if (used < 0 || (size_t)used >= sizeof text)
        used = 0; /* a path of hundreds of bytes: what is wrong matters more */
    va_start(args, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    va_end(args);
    ds_signature_tell(faults, text);
}

/* Decimal digits and nothing else, up to 65,535; *end is behind them. */
static bool read_port(const char *text, const char **end, uint16_t *out)
{
    char *behind;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long port = strtoul(text, &behind, 10);
    *end = behind;
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

const char *ds_signature_read_range(const char *text, struct ds_rule_range *out)
{
    const char *end;
    if (!read_port(text, &end, &out->first))
        return "is no port; write 23 or 5500-5555, at most 65535";
    out->last = out->first;
    if (*end == '-' && !read_port(end + 1, &end, &out->last))
        return "is no range of ports; write it like 5500-5555";
    if (*end)
        return "is no port; write 23 or 5500-5555, at most 65535";
    return out->last < out->first ? "a range begins with its lower port" : NULL;
}

/* The bits of the letters; *end is behind them. False for another letter. */
static bool read_letters(const char *text, const char **end, uint8_t *out)
{
    static const char letters[] = "FSRPAUEW"; /* by bit of the header's byte */
    *out = 0;
    for (; *text && *text != '/'; text++) {
        const char *at = strchr(letters, *text);
        if (!at)
            return false;
        *out |= (uint8_t)(1u << (at - letters));
    }
    *end = text;
    return true;
}

const char *ds_signature_read_flags(const char *text, uint8_t *flags, uint8_t *mask)
{
    const char *end;
    *mask = UINT8_MAX;
    bool good = read_letters(text, &end, flags);
    if (good && *end == '/')
        good = read_letters(end + 1, &end, mask) && *mask;
    if (!good || *end)
        return "are no TCP flags; write S/SA (of SYN and ACK, SYN alone) with letters of FSRPAUEW";
    return *flags & ~*mask ? "the flags before the / must be among those behind it" : NULL;
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

const char *ds_signature_read_hex(const char *text, uint8_t *out, size_t most, size_t *bytes)
{
    for (*bytes = 0;;) {
        text += strspn(text, " \n");
        if (!*text)
            return *bytes ? NULL : "has no bytes; write them in hexadecimal, like 17 00 03 2a";
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
        if (low < 0)
            return "is not hexadecimal; write two digits a byte, like 17 00 03 2a";
        if (*bytes == most)
            return "is too long";
        out[(*bytes)++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
}
