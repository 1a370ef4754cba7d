/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of the report, in its languages: made at build time of words.tsv and countries.tsv in
 * share/darkscope/report.
 */
#ifndef DARKSCOPE_REPORT_WORDS_H
#define DARKSCOPE_REPORT_WORDS_H

#include "report.h"

struct report_words {
    const char *id;
    const char *text[REPORT_LANGUAGE_COUNT];
};

/* Sorted by id; report_words[] are "KIND.ID". */
extern const struct report_words report_words[], report_country_names[];
extern const size_t report_word_count, report_country_count;

/* The text of KIND.ID; the id itself where there is none. Static, or id. */
const char *report_word(enum report_language language, const char *kind, const char *id);
/* False where there is no such text. */
bool report_has_word(const char *kind, const char *id);
/* A country's name by its two letters; the letters where it has none. */
const char *report_country(enum report_language language, const char *code);

#endif
