/* SPDX-License-Identifier: Apache-2.0
 *
 * From files to definitions. A file is a YAML list of which every item begins with "- " at the
 * start of a line: there it is cut, and each item is read as a text of its own, so that a fault in
 * one, even in its YAML, ends there and is told with its line.
 */
#include "darkscope/config.h"
#include "darkscope/text.h"
#include "definition.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRING(key, type, member, flags, min, max)                                                 \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, min, max)
#define DEFINITION_TEXT(member, flags)                                                             \
    STRING(#member, struct ds_signature_definition, member, flags, 1, CYAML_UNLIMITED)
#define DEFINITION_LIST(member, schema, most)                                                      \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                        \
                         struct ds_signature_definition, member, schema, 0, most)

static const cyaml_strval_t category_values[DS_CATEGORY_COUNT] = {
    [DS_CATEGORY_MALWARE] = {"malware", DS_CATEGORY_MALWARE},
    [DS_CATEGORY_SCANNER] = {"scanner", DS_CATEGORY_SCANNER},
    [DS_CATEGORY_SURVEY] = {"survey", DS_CATEGORY_SURVEY},
    [DS_CATEGORY_EXPLOIT] = {"exploit", DS_CATEGORY_EXPLOIT},
    [DS_CATEGORY_AMPLIFICATION] = {"amplification", DS_CATEGORY_AMPLIFICATION},
    [DS_CATEGORY_BACKSCATTER] = {"backscatter", DS_CATEGORY_BACKSCATTER},
    [DS_CATEGORY_P2P] = {"p2p", DS_CATEGORY_P2P},
    [DS_CATEGORY_OTHER] = {"other", DS_CATEGORY_OTHER},
};

static const cyaml_strval_t certainty_values[DS_CERTAINTY_COUNT] = {
    [DS_CERTAINTY_SOURCE] = {"source", DS_CERTAINTY_SOURCE},
    [DS_CERTAINTY_PUBLISHED] = {"published", DS_CERTAINTY_PUBLISHED},
    [DS_CERTAINTY_RECALLED] = {"recalled", DS_CERTAINTY_RECALLED},
};

const char *ds_category_name(unsigned category)
{
    return category < DS_CATEGORY_COUNT ? category_values[category].str : NULL;
}

const char *ds_certainty_name(unsigned certainty)
{
    return certainty < DS_CERTAINTY_COUNT ? certainty_values[certainty].str : NULL;
}

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t payload_fields[] = {
    STRING("hex", struct ds_signature_payload, hex, CYAML_FLAG_OPTIONAL, 1, CYAML_UNLIMITED),
    STRING("text", struct ds_signature_payload, text, CYAML_FLAG_OPTIONAL, 1, CYAML_UNLIMITED),
    CYAML_FIELD_UINT_PTR("offset", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct ds_signature_payload, offset),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t example_fields[] = {
    STRING("packet", struct ds_signature_example, packet, 0, 1, CYAML_UNLIMITED),
    CYAML_FIELD_BOOL("matches", CYAML_FLAG_DEFAULT, struct ds_signature_example, matches),
    STRING("note", struct ds_signature_example, note, CYAML_FLAG_OPTIONAL, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t example_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct ds_signature_example, example_fields),
};

static const cyaml_schema_field_t definition_fields[] = {
    STRING("id", struct ds_signature_definition, id, 0, 1, DS_SIGNATURE_ID_MAX),
    DEFINITION_TEXT(name, 0),
    DEFINITION_TEXT(family, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_ENUM("category", CYAML_FLAG_STRICT, struct ds_signature_definition, category,
                     category_values, DS_CATEGORY_COUNT),
    CYAML_FIELD_ENUM("certainty", CYAML_FLAG_STRICT, struct ds_signature_definition, certainty,
                     certainty_values, DS_CERTAINTY_COUNT),
    CYAML_FIELD_BOOL_PTR("enabled", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct ds_signature_definition, enabled),
    DEFINITION_LIST(cve, &text_schema, DS_SIGNATURE_LIST_MAX),
    DEFINITION_LIST(references, &text_schema, DS_SIGNATURE_LIST_MAX),
    DEFINITION_TEXT(proto, CYAML_FLAG_OPTIONAL),
    DEFINITION_LIST(ports, &text_schema, DS_RULE_RANGES_MAX),
    DEFINITION_TEXT(tcp_flags, CYAML_FLAG_OPTIONAL),
    DEFINITION_TEXT(filter, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_MAPPING_PTR("payload", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct ds_signature_definition, payload, payload_fields),
    DEFINITION_LIST(examples, &example_schema, DS_SIGNATURE_LIST_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t definition_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct ds_signature_definition, definition_fields),
};

static const char *check_id(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(text) && *text != '-' &&
                   *text != '.'
               ? NULL
               : "is no id; write small letters, digits, - and . like huawei-hg532";
}

static const char *check_proto(const char *text)
{
    return ds_proto_parse(text) < 0 ? "is no protocol; write tcp, udp, icmp, icmp6 or its number"
                                    : NULL;
}

static const char *check_range(const char *text)
{
    struct ds_rule_range range;
    return ds_signature_read_range(text, &range);
}

static const char *check_flags(const char *text)
{
    uint8_t flags, mask;
    return ds_signature_read_flags(text, &flags, &mask);
}

static const char *check_payload(const char *text)
{
    uint8_t out[DS_RULE_PAYLOAD_MAX];
    size_t bytes;
    return ds_signature_read_hex(text, out, sizeof out, &bytes);
}

static const char *check_packet(const char *text)
{
    uint8_t out[DS_EXAMPLE_BYTES_MAX];
    size_t bytes;
    return ds_signature_read_hex(text, out, sizeof out, &bytes);
}

static const char *check_cve(const char *text)
{
    int end = 0;
    sscanf(text, "CVE-%*4[0-9]-%*[0-9]%n", &end);
    return end && !text[end] ? NULL : "is no CVE; write it like CVE-2017-17215";
}

static const struct ds_config_rule definition_rules[] = {
    {"id", check_id, false},
    /* No fault shows what may be an address, or a packet that was captured here. */
    {"proto", check_proto, .is_secret = true},
    {"ports", check_range, .is_secret = true},
    {"tcp_flags", check_flags, .is_secret = true},
    {"payload.hex", check_payload, .is_secret = true},
    {"examples.packet", check_packet, .is_secret = true},
    {"cve", check_cve, .is_secret = true},
    {NULL, NULL, false},
};

/* What is being read. */
struct reading {
    const struct ds_signature_settings *settings;
    struct ds_signature_faults *faults;
    struct ds_signature_list *list;
    const char *file; /* owned by the list */
    unsigned items;   /* that were read, good or bad */
    bool is_full;     /* they were DS_RULES_MAX, and there are more */
};

/* A signature in the text of its file: whole lines. */
struct item {
    const char *text;
    size_t size;
    unsigned line, filter_line; /* from 1 */
    const char *id;             /* what stands behind its id: in the text; for faults */
    int id_bytes;
};

static __attribute__((format(printf, 3, 4))) void fault_at(const struct reading *r, unsigned line,
                                                           const char *format, ...)
{
    char what[DS_ERROR_TEXT], text[2 * DS_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s:%u: %s", r->file, line, what);
    ds_signature_tell(r->faults, text);
}

static bool fits_any(const char *id, const char *const *patterns, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fnmatch(patterns[i], id, 0) == 0)
            return true;
    return false;
}

static bool is_enabled(const struct ds_signature_settings *s,
                       const struct ds_signature_definition *d)
{
    if (fits_any(d->id, s->disable, s->disable_count))
        return false;
    if (fits_any(d->id, s->enable, s->enable_count))
        return true;
    return d->certainty != DS_CERTAINTY_RECALLED && (!d->enabled || *d->enabled);
}

static bool is_builtin(const char *id)
{
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        if (strcmp(ds_signature_name(i), id) == 0)
            return true;
    return false;
}

static const struct ds_signature_entry *find_id(const struct ds_signature_list *list,
                                                const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].about.id, id) == 0)
            return &list->entries[i];
    return NULL;
}

/* Takes the definition. */
static void add_entry(struct reading *r, const struct item *item, struct ds_signature_definition *d)
{
    const struct ds_signature_entry e = {
        .about = {.id = d->id,
                  .name = d->name,
                  .family = d->family,
                  .category = d->category,
                  .certainty = d->certainty,
                  .cve = d->cve,
                  .cve_count = d->cve_count,
                  .references = d->references,
                  .reference_count = d->references_count},
        .file = r->file,
        .line = item->line,
        .filter_line = item->filter_line,
        .enabled = is_enabled(r->settings, d),
        .definition = d,
    };
    const struct ds_signature_entry *other = find_id(r->list, d->id);
    if (!other && !is_builtin(d->id)) {
        r->list->entries[r->list->count++] = e;
        return;
    }
    if (other)
        ds_signature_fault(r->faults, &e, 0, "%s:%u has this id; choose another", other->file,
                           other->line);
    else
        ds_signature_fault(r->faults, &e, 0, "a built-in one has this id; choose another");
    ds_config_free(&definition_schema, d);
}

/* The item's text with a blank in place of its dash. NULL without memory. */
static char *isolate(const struct item *item)
{
    char *text = malloc(item->size);
    if (!text)
        return NULL;
    memcpy(text, item->text, item->size);
    text[0] = ' ';
    return text;
}

/* 0, or -1 with err without memory. */
static int read_item(struct reading *r, const struct item *item, struct ds_error *err)
{
    struct ds_error fault;
    void *definition;
    if (r->items++ == DS_RULES_MAX) {
        r->is_full = true;
        fault_at(r, item->line,
                 "%d signatures in all files are the most; this one and all behind it are left out",
                 DS_RULES_MAX);
        return 0;
    }
    char *text = isolate(item);
    if (!text)
        return ds_error(err, DS_FAILURE, "%s: no memory", r->file);
    const struct ds_config_text t = {
        .path = r->file, .text = text, .size = item->size, .lines_before = item->line - 1};
    int failed = ds_config_load_text(&t, &definition_schema, definition_rules, &definition, &fault);
    free(text);
    if (!failed) {
        add_entry(r, item, definition);
        return 0;
    }
    if (fault.status != DS_CONFIG) {
        *err = fault;
        return -1;
    }
    size_t room = sizeof fault.text - strlen(fault.text);
    snprintf(fault.text + sizeof fault.text - room, room, " (signature '%.*s')", item->id_bytes,
             item->id ? item->id : "");
    ds_text_clean(fault.text);
    ds_signature_tell(r->faults, fault.text);
    return 0;
}

/* The line that begins here, with its end. */
static size_t line_bytes(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);
}

static bool begins_item(const char *line, size_t bytes)
{
    return bytes >= 2 && line[0] == '-' && (line[1] == ' ' || line[1] == '\n' || line[1] == '\r');
}

/* Behind the key and blanks, if the line begins with it; else NULL. */
static const char *find_value(const char *line, size_t bytes, const char *key)
{
    const char *at = line + (line[0] == '-'), *end = line + bytes;
    while (at < end && *at == ' ')
        at++;
    if ((size_t)(end - at) < strlen(key) || memcmp(at, key, strlen(key)) != 0)
        return NULL;
    at += strlen(key);
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* Notes what faults of the item will say. The YAML is read later. */
static void note_line(struct item *item, const char *text, size_t bytes, unsigned line)
{
    const char *id = item->id ? NULL : find_value(text, bytes, "id:");
    if (!item->filter_line && find_value(text, bytes, "filter:"))
        item->filter_line = line;
    if (!id)
        return;
    item->id = id;
    while (item->id_bytes < DS_SIGNATURE_ID_MAX && id + item->id_bytes < text + bytes &&
           !strchr(" \r\n", id[item->id_bytes]))
        item->id_bytes++;
}

/* Before the first item: a comment, nothing, or the mark of a document. */
static bool may_lead(const char *line, size_t bytes)
{
    return line[0] == '#' || memcmp(line, "---", bytes < 3 ? bytes : 3) == 0 || line[0] == '\n' ||
           line[0] == '\r';
}

static int cut_text(struct reading *r, const char *text, size_t size, struct ds_error *err)
{
    struct item item = {0};
    const char *at = text, *end = text + size;
    int failed = 0;
    for (unsigned line = 1; at < end && !failed && !r->is_full; line++) {
        size_t bytes = line_bytes(at, end);
        if (begins_item(at, bytes)) {
            if (item.line)
                failed = read_item(r, &item, err);
            item = (struct item){.text = at, .line = line};
        } else if (!item.line && !may_lead(at, bytes)) {
            fault_at(r, line,
                     "not a list of signatures; each begins with \"- \" at the start of a line");
            return 0;
        }
        note_line(&item, at, bytes, line);
        item.size += bytes;
        at += bytes;
    }
    return failed || r->is_full || !item.line ? failed : read_item(r, &item, err);
}

static int read_file(struct reading *r, const char *path, struct ds_error *err)
{
    struct ds_error fault;
    unsigned char *text;
    size_t size;
    char **files = realloc(r->list->files, (r->list->file_count + 1) * sizeof *files);
    char *name = files ? strdup(path) : NULL;
    r->list->files = files ? files : r->list->files;
    if (!name)
        return ds_error(err, DS_FAILURE, "%s: no memory", path);
    files[r->list->file_count++] = name;
    r->file = name;
    if (ds_config_read(path, &text, &size, &fault)) {
        ds_signature_tell(r->faults, fault.text);
        r->faults->unread++;
        return 0;
    }
    int failed = cut_text(r, (const char *)text, size, err);
    free(text);
    return failed;
}

static int is_signature_file(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && dot && strcmp(dot, ".yaml") == 0;
}

/* Its files in the order of their names. */
static int read_directory(struct reading *r, const char *path, struct ds_error *err)
{
    struct dirent **found;
    int count = scandir(path, &found, is_signature_file, alphasort), failed = 0;
    if (count < 0) {
        char text[DS_ERROR_TEXT];
        snprintf(text, sizeof text, "%s: cannot read: %s", path, strerror(errno));
        ds_signature_tell(r->faults, text);
        r->faults->unread++;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (!failed && !r->is_full && asprintf(&file, "%s/%s", path, found[i]->d_name) < 0)
            failed = ds_error(err, DS_FAILURE, "%s: no memory", path);
        else if (file)
            failed = read_file(r, file, err);
        free(file);
        free(found[i]);
    }
    free(found);
    return failed;
}

static int read_path(struct reading *r, const char *path, struct ds_error *err)
{
    struct stat st;
    if (r->is_full)
        return 0;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? read_directory(r, path, err)
                                                       : read_file(r, path, err);
}

static int read_paths(struct reading *r, struct ds_error *err)
{
    const struct ds_signature_settings *s = r->settings;
    if (s->path_count == 0)
        return access(DS_SIGNATURES_DIRECTORY, F_OK)
                   ? 0
                   : read_directory(r, DS_SIGNATURES_DIRECTORY, err);
    for (unsigned i = 0; i < s->path_count; i++)
        if (strcmp(s->paths[i], "none") != 0 && read_path(r, s->paths[i], err))
            return -1;
    return 0;
}

/* A pattern that is no signature's is a mistake of writing. */
static void check_patterns(const struct reading *r, const char *what, const char *const *patterns,
                           unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool is_used = false;
        for (size_t k = 0; k < r->list->count && !is_used; k++)
            is_used = fits_any(r->list->entries[k].about.id, &patterns[i], 1);
        if (is_used)
            continue;
        char text[DS_ERROR_TEXT];
        snprintf(text, sizeof text,
                 "signatures: entry %u to %s fits no signature; \"darkscope signatures list\" "
                 "shows their ids",
                 i + 1, what);
        ds_signature_tell(r->faults, text);
    }
}

int ds_signatures_read(const struct ds_signature_settings *s, struct ds_signature_faults *faults,
                       struct ds_signature_list **out, struct ds_error *err)
{
    struct ds_signature_list *list = calloc(1, sizeof *list);
    if (list)
        list->entries = calloc(DS_RULES_MAX, sizeof *list->entries);
    if (!list || !list->entries) {
        free(list);
        return ds_error(err, DS_FAILURE, "no memory for signatures");
    }
    struct reading r = {.settings = s, .faults = faults, .list = list};
    if (read_paths(&r, err)) {
        ds_signatures_free(list);
        return -1;
    }
    check_patterns(&r, "enable", s->enable, s->enable_count);
    check_patterns(&r, "disable", s->disable, s->disable_count);
    *out = list;
    return 0;
}

void ds_signatures_free(struct ds_signature_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        ds_config_free(&definition_schema, list->entries[i].definition);
    for (size_t i = 0; i < list->file_count; i++)
        free(list->files[i]);
    free(list->files);
    free(list->entries);
    free(list);
}
