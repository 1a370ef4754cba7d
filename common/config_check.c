/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks the events of libyaml along the schema. What does not fit ends the walk at once, so a file
 * can nest no deeper than the schema does.
 */
#include "config_check.h"

#include "darkscope/text.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define KEY_MAX    128 /* "a.b.c" of schemas; bytes */
#define FIELDS_MAX 64  /* of one mapping */
#define SHOWN_MAX  60  /* bytes of a value or key that errors repeat */

struct check {
    const struct ds_config_text *text;
    const struct ds_config_rule *rules;
    struct ds_error *err;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, owned */
    char key[KEY_MAX];  /* of the current value, with those above it */
};

static int check_value(struct check *k, const struct cyaml_schema_value *schema);

/* "FILE:LINE:COLUMN: text" */
__attribute__((format(printf, 3, 4))) static int fault_at(struct check *k, yaml_mark_t mark,
                                                          const char *format, ...)
{
    char text[DS_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ds_error(k->err, DS_CONFIG, "%s:%zu:%zu: %s", k->text->path,
                    k->text->lines_before + mark.line + 1, mark.column + 1, text);
}

/* The same for the current value: "... key 'x': text" */
__attribute__((format(printf, 2, 3))) static int fault(struct check *k, const char *format, ...)
{
    char text[DS_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!k->key[0])
        return fault_at(k, k->event.start_mark, "%s", text);
    return fault_at(k, k->event.start_mark, "key '%s': %s", k->key, text);
}

/* The current scalar, shortened and fit for a terminal. */
static const char *shown(const struct check *k, char out[static SHOWN_MAX + 4])
{
    const char *text = (const char *)k->event.data.scalar.value;
    int cut = snprintf(out, SHOWN_MAX + 1, "%s", text);
    if (cut > SHOWN_MAX)
        strcpy(out + SHOWN_MAX, "...");
    ds_text_clean(out);
    return out;
}

/* libyaml knows the byte, and no line where it has looked ahead. */
static int unreadable(struct check *k)
{
    size_t offset = k->parser.problem_offset;
    const char *text = k->text->text;
    const char *end = text + (offset < k->text->size ? offset : k->text->size);
    yaml_mark_t mark = {0};
    for (const char *newline; (newline = memchr(text, '\n', (size_t)(end - text))); mark.line++)
        text = newline + 1;
    mark.column = (size_t)(end - text);
    return fault_at(k, mark, "%s; it must be YAML in UTF-8", k->parser.problem);
}

/* Moves to the next event. libyaml says what is wrong with a text that is no YAML. */
static int next(struct check *k)
{
    yaml_event_delete(&k->event);
    const yaml_parser_t *p = &k->parser;
    if (!yaml_parser_parse(&k->parser, &k->event)) {
        if (p->error == YAML_MEMORY_ERROR)
            return ds_error(k->err, DS_FAILURE, "%s: no memory", k->text->path);
        if (p->error == YAML_READER_ERROR)
            return unreadable(k);
        return fault_at(k, p->problem_mark, "not YAML: %s", p->problem);
    }
    const unsigned char *anchor = NULL;
    switch (k->event.type) {
    case YAML_SCALAR_EVENT:
        anchor = k->event.data.scalar.anchor;
        if (strlen((const char *)k->event.data.scalar.value) != k->event.data.scalar.length)
            return fault(k, "holds a NUL character; remove it");
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = k->event.data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = k->event.data.mapping_start.anchor;
        break;
    case YAML_ALIAS_EVENT:
        anchor = k->event.data.alias.anchor;
        break;
    default:
        break;
    }
    return anchor ? fault(k, "anchors and aliases are not accepted; write the value out") : 0;
}

static int expect(struct check *k, yaml_event_type_t type, const char *what)
{
    static const char *const names[] = {
        [YAML_SCALAR_EVENT] = "a single value",
        [YAML_SEQUENCE_START_EVENT] = "a list",
        [YAML_MAPPING_START_EVENT] = "a mapping",
    };
    if (k->event.type == type)
        return 0;
    const char *found =
        k->event.type < sizeof names / sizeof names[0] ? names[k->event.type] : NULL;
    return fault(k, "must be %s, not %s", what, found ? found : "this");
}

/* Decimal and nothing else: 010 would be 8 to libcyaml. */
static bool is_decimal(const char *text, bool negative_too)
{
    if (negative_too && *text == '-')
        text++;
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && !text[digits] && !(digits > 1 && text[0] == '0');
}

static int check_int(struct check *k, const char *text, uint32_t bytes)
{
    char value[SHOWN_MAX + 4];
    int64_t most = bytes >= 8 ? INT64_MAX : (INT64_C(1) << (bytes * 8 - 1)) - 1;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (!is_decimal(text, true))
        return fault(k, "'%s' is not a whole number", shown(k, value));
    if (errno || number > most || number < -most - 1)
        return fault(k, "%s is out of range; at least %lld, at most %lld", shown(k, value),
                     (long long)(-most - 1), (long long)most);
    return 0;
}

static int check_uint(struct check *k, const char *text, uint32_t bytes)
{
    char value[SHOWN_MAX + 4];
    uint64_t most = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << bytes * 8) - 1;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (!is_decimal(text, false))
        return fault(k, "'%s' is not a whole number of at least 0", shown(k, value));
    if (errno || number > most)
        return fault(k, "%s is out of range; at most %llu", shown(k, value),
                     (unsigned long long)most);
    return 0;
}

static int check_float(struct check *k, const char *text)
{
    char value[SHOWN_MAX + 4];
    char *end;
    strtod(text, &end);
    if (end == text || *end || strspn(text, "+-.0123456789eE") != strlen(text))
        return fault(k, "'%s' is not a number", shown(k, value));
    return 0;
}

static int check_bool(struct check *k, const char *text)
{
    char value[SHOWN_MAX + 4];
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return fault(k, "'%s' is not true or false", shown(k, value));
    return 0;
}

/* Appends ", text" (or text alone) as long as there is room. */
static void append(char *list, size_t room, const char *text)
{
    size_t used = strlen(list);
    snprintf(list + used, room - used, "%s%s", used ? ", " : "", text);
}

static int check_enum(struct check *k, const char *text, const struct cyaml_schema_value *schema)
{
    char value[SHOWN_MAX + 4], known[DS_ERROR_TEXT / 2] = "";
    for (uint32_t i = 0; i < schema->enumeration.count; i++) {
        if (strcmp(text, schema->enumeration.strings[i].str) == 0)
            return 0;
        append(known, sizeof known, schema->enumeration.strings[i].str);
    }
    return fault(k, "'%s' is not one of: %s", shown(k, value), known);
}

static int check_string(struct check *k, const char *text, const struct cyaml_schema_value *schema)
{
    size_t length = strlen(text);
    if (length < schema->string.min)
        return fault(k, length ? "is too short; at least %u bytes" : "is empty",
                     schema->string.min);
    if (length > schema->string.max)
        return fault(k, "is too long; at most %u bytes", schema->string.max);
    return 0;
}

static int check_rules(struct check *k, const char *text)
{
    char value[SHOWN_MAX + 4];
    for (const struct ds_config_rule *r = k->rules; r && r->key; r++) {
        const char *wrong = strcmp(r->key, k->key) == 0 ? r->check(text) : NULL;
        if (wrong)
            return r->is_secret ? fault(k, "%s", wrong)
                                : fault(k, "'%s': %s", shown(k, value), wrong);
    }
    return 0;
}

static int check_scalar(struct check *k, const struct cyaml_schema_value *schema)
{
    if (expect(k, YAML_SCALAR_EVENT, "a single value"))
        return -1;
    const char *text = (const char *)k->event.data.scalar.value;
    int rc;
    switch (schema->type) {
    case CYAML_INT:
        rc = check_int(k, text, schema->data_size);
        break;
    case CYAML_UINT:
        rc = check_uint(k, text, schema->data_size);
        break;
    case CYAML_FLOAT:
        rc = check_float(k, text);
        break;
    case CYAML_BOOL:
        rc = check_bool(k, text);
        break;
    case CYAML_ENUM:
        rc = check_enum(k, text, schema);
        break;
    default:
        rc = check_string(k, text, schema);
        break;
    }
    return rc ? rc : check_rules(k, text);
}

/* The field of the current key; NULL with an error where there is none. */
static const struct cyaml_schema_field *find_field(struct check *k,
                                                   const struct cyaml_schema_field *fields)
{
    char key[SHOWN_MAX + 4], known[DS_ERROR_TEXT / 2] = "";
    const char *text = (const char *)k->event.data.scalar.value;
    const struct cyaml_schema_field *f = fields;
    for (; f->key; f++) {
        if (strcmp(f->key, text) == 0)
            return f;
        append(known, sizeof known, f->key);
    }
    /* What does not look like a key may be a value, of a list for one, that must not be shown. */
    if (strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text))
        fault(k, "unknown key '%s'; known here: %s", shown(k, key), known);
    else
        fault(k, "this is no key; known here: %s", known);
    return NULL;
}

static int check_missing(struct check *k, const struct cyaml_schema_field *fields, uint64_t seen)
{
    for (size_t i = 0; fields[i].key; i++)
        if (!(seen & UINT64_C(1) << i) && !(fields[i].value.flags & CYAML_FLAG_OPTIONAL))
            return fault(k, "'%s' is missing; add it", fields[i].key);
    return 0;
}

static int check_mapping(struct check *k, const struct cyaml_schema_field *fields)
{
    if (expect(k, YAML_MAPPING_START_EVENT, "a mapping of keys and values"))
        return -1;
    size_t above = strlen(k->key);
    uint64_t seen = 0;
    for (;;) {
        if (next(k))
            return -1;
        if (k->event.type == YAML_MAPPING_END_EVENT)
            return check_missing(k, fields, seen);
        if (k->event.type != YAML_SCALAR_EVENT)
            return fault(k, "a key must be a word");
        const struct cyaml_schema_field *f = find_field(k, fields);
        if (!f)
            return -1;
        uint64_t bit = UINT64_C(1) << (f - fields);
        assert(f - fields < FIELDS_MAX);
        if (seen & bit)
            return fault(k, "'%s' is here a second time; keep one", f->key);
        seen |= bit;
        snprintf(k->key + above, sizeof k->key - above, "%s%s", above ? "." : "", f->key);
        if (next(k) || check_value(k, &f->value))
            return -1;
        k->key[above] = 0;
    }
}

static int check_sequence(struct check *k, const struct cyaml_schema_value *schema)
{
    if (expect(k, YAML_SEQUENCE_START_EVENT, "a list"))
        return -1;
    for (uint32_t entries = 0;; entries++) {
        if (next(k))
            return -1;
        if (k->event.type == YAML_SEQUENCE_END_EVENT) {
            if (entries < schema->sequence.min)
                return fault(k, "too few entries; at least %u", schema->sequence.min);
            return 0;
        }
        if (entries == schema->sequence.max)
            return fault(k, "too many entries; at most %u", schema->sequence.max);
        if (check_value(k, schema->sequence.entry))
            return -1;
    }
}

static int check_value(struct check *k, const struct cyaml_schema_value *schema)
{
    switch (schema->type) {
    case CYAML_MAPPING:
        return check_mapping(k, schema->mapping.fields);
    case CYAML_SEQUENCE:
        return check_sequence(k, schema);
    default:
        assert(schema->type == CYAML_INT || schema->type == CYAML_UINT ||
               schema->type == CYAML_FLOAT || schema->type == CYAML_BOOL ||
               schema->type == CYAML_ENUM || schema->type == CYAML_STRING);
        return check_scalar(k, schema);
    }
}

static int check_stream(struct check *k, const struct cyaml_schema_value *schema)
{
    if (next(k) || next(k)) /* start of the stream; of a document, if there is one */
        return -1;
    if (k->event.type == YAML_STREAM_END_EVENT)
        return ds_error(k->err, DS_CONFIG, "%s: the file is empty; write at least one key",
                        k->text->path);
    if (next(k) || check_value(k, schema))
        return -1;
    if (next(k) || next(k)) /* end of the document; of the stream, if it is the last */
        return -1;
    if (k->event.type != YAML_STREAM_END_EVENT)
        return fault(k, "a second document begins here; keep one");
    return 0;
}

int ds_config_check(const struct ds_config_text *text, const struct cyaml_schema_value *schema,
                    const struct ds_config_rule *rules, struct ds_error *err)
{
    struct check k = {.text = text, .rules = rules, .err = err};
    if (!yaml_parser_initialize(&k.parser))
        return ds_error(err, DS_FAILURE, "%s: no memory", text->path);
    yaml_parser_set_input_string(&k.parser, text->text, text->size);
    int rc = check_stream(&k, schema);
    yaml_event_delete(&k.event);
    yaml_parser_delete(&k.parser);
    return rc;
}
