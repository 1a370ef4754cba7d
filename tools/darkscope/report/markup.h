/* SPDX-License-Identifier: Apache-2.0
 *
 * Text in XML and HTML.
 */
#ifndef DARKSCOPE_REPORT_MARKUP_H
#define DARKSCOPE_REPORT_MARKUP_H

#include <stdio.h>

/* Any text, so that none of it is markup. */
static inline void markup_text(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
        }
}

#endif
