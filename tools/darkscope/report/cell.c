/* SPDX-License-Identifier: Apache-2.0 */
#include "cell.h"

#include "words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DECIMALS_BELOW 100 /* smaller reals are shown with two decimals */

const char *report_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool report_is_error(const json_t *column)
{
    const char *id = report_text_of(column, "id");
    size_t length = strlen(id), end = strlen("_error");
    return length > end && strcmp(id + length - end, "_error") == 0;
}

static bool is_kind(const json_t *column, enum report_value kind)
{
    return strcmp(report_text_of(column, "kind"), report_value_names[kind]) == 0;
}

bool report_is_number(const json_t *column)
{
    return is_kind(column, VALUE_COUNT) || is_kind(column, VALUE_REAL) ||
           is_kind(column, VALUE_SHARE) || is_kind(column, VALUE_CHANGE);
}

const char *report_unit(const json_t *column, enum report_language language)
{
    const char *unit = report_text_of(column, "unit");
    return unit[0] ? report_word(language, "unit", unit) : "";
}

/* Thousands separated. */
static void print_count(json_int_t value, char out[static 32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        out[used++] = digits[i];
        if ((length - i - 1) % 3 == 0 && i + 1 < length && digits[i] != '-')
            out[used++] = ',';
    }
    out[used] = 0;
}

static void print_real(double value, char out[static 32])
{
    if (fabs(value) < DECIMALS_BELOW)
        snprintf(out, 32, "%.2f", value);
    else
        print_count((json_int_t)llround(value), out);
}

/* What stands before a figure that is no exact one. */
static const char *mark_of(const json_t *row, const json_t *column)
{
    const char *certainty = report_text_of(column, "certainty");
    char key[64];
    snprintf(key, sizeof key, "%s_error", report_text_of(column, "id"));
    const json_t *error = json_object_get(row, key);
    if (strcmp(certainty, "estimated") == 0 && (!error || json_number_value(error) > 0))
        return "~";
    if (strcmp(certainty, "lower-bound") == 0)
        return "≥ ";
    if (strcmp(certainty, "upper-bound") == 0)
        return "≤ ";
    return "";
}

const char *report_cell(const json_t *row, const json_t *column, enum report_language language,
                        char out[static REPORT_CELL])
{
    const json_t *value = json_object_get(row, report_text_of(column, "id"));
    char number[32];
    if (!value || json_is_null(value))
        return strcpy(out, "–");
    if (is_kind(column, VALUE_COUNT))
        print_count(json_integer_value(value), number);
    else if (is_kind(column, VALUE_REAL))
        print_real(json_number_value(value), number);
    else if (is_kind(column, VALUE_SHARE))
        snprintf(number, sizeof number, "%.1f %%", 100 * json_number_value(value));
    else if (is_kind(column, VALUE_CHANGE))
        snprintf(number, sizeof number, "%+.1f %%", 100 * json_number_value(value));
    else {
        const char *text = json_string_value(value);
        if (is_kind(column, VALUE_COUNTRY))
            text = report_country(language, text);
        else if (is_kind(column, VALUE_WORD) || strcmp(text, "other") == 0)
            text = report_word(language, "value", text);
        snprintf(out, REPORT_CELL, "%s", text);
        return out;
    }
    snprintf(out, REPORT_CELL, "%s%s", mark_of(row, column), number);
    return out;
}
