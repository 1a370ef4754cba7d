/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

static bool is_token(const char *text, size_t bytes, const char *token)
{
    return bytes == strlen(token) && strncasecmp(text, token, bytes) == 0;
}

/* Has the rest of a list's element a weight of 0? It ends at the comma. */
static bool is_unwanted(const char *text)
{
    const char *end = text + strcspn(text, ",");
    const char *q = text;
    while ((q = strchr(q, ';')) && q < end) {
        q += 1 + strspn(q + 1, BLANKS);
        if ((*q == 'q' || *q == 'Q') && q[1] == '=')
            return q[2] == '0' && strspn(q + 2, "0.") >= strcspn(q + 2, ",; \t");
    }
    return false;
}

bool ds_header_takes_gzip(const char *text)
{
    bool any = false;
    while (*text) {
        text += strspn(text, BLANKS ",");
        size_t bytes = strcspn(text, BLANKS ",;");
        bool unwanted = is_unwanted(text + bytes);
        if (is_token(text, bytes, "gzip") || is_token(text, bytes, "x-gzip"))
            return !unwanted;
        any = any || (is_token(text, bytes, "*") && !unwanted);
        text += bytes;
        text += strcspn(text, ",");
    }
    return any;
}

bool ds_header_has_tag(const char *text, const char *tag)
{
    size_t tag_bytes = strlen(tag);
    for (;;) {
        text += strspn(text, BLANKS ",");
        if (*text == '*')
            return true;
        if (strncmp(text, "W/", 2) == 0)
            text += 2;
        const char *end = *text == '"' ? strchr(text + 1, '"') : NULL;
        if (!end)
            return false;
        end++;
        if ((size_t)(end - text) == tag_bytes && memcmp(text, tag, tag_bytes) == 0)
            return true;
        text = end;
    }
}

bool ds_header_is_token(const char *text, size_t bytes, const char *token)
{
    size_t wanted = strlen(token);
    unsigned differences = bytes != wanted;
    for (size_t i = 0; i < wanted; i++)
        differences |= (unsigned char)token[i] ^ (unsigned char)(i < bytes ? text[i] : 0);
    return differences == 0;
}

bool ds_header_is_bearer(const char *text, const char *token)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    text += sizeof scheme - 1;
    text += strspn(text, " ");
    return ds_header_is_token(text, strlen(text), token);
}
