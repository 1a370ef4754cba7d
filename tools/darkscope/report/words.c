/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BYTES 96

static int compare(const void *key, const void *member)
{
    return strcmp(key, ((const struct report_words *)member)->id);
}

static const struct report_words *find(const char *kind, const char *id)
{
    char key[ID_BYTES];
    snprintf(key, sizeof key, "%s.%s", kind, id);
    return bsearch(key, report_words, report_word_count, sizeof *report_words, compare);
}

bool report_has_word(const char *kind, const char *id)
{
    return find(kind, id) != NULL;
}

const char *report_word(enum report_language language, const char *kind, const char *id)
{
    const struct report_words *found = find(kind, id);
    return found ? found->text[language] : id;
}

const char *report_country(enum report_language language, const char *code)
{
    const struct report_words *found = bsearch(code, report_country_names, report_country_count,
                                               sizeof *report_country_names, compare);
    return found ? found->text[language] : report_word(language, "country", code);
}
