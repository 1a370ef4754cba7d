/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope export: tables to take away, in a file or a folder, and the dictionary that explains
 * them.
 */
#include "exporting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS_BYTES 2048 /* as text */
#define LOOK_EVERY    1024 /* rows between two looks at signals */

static const char *const endings[FORMAT_COUNT] = {
    [FORMAT_CSV] = "csv", [FORMAT_JSONL] = "jsonl", [FORMAT_AVRO] = "avro"};

/* What a run is told. */
struct request {
    const struct options *o;
    const char *output; /* NULL: standard output */
    bool is_folder;
    enum format format;
    int signals;
    json_t *files; /* written into the folder: {name: {table, options}} */
};

/* A table on its way into a file. */
struct writing {
    const struct request *request;
    struct output out;
    struct ds_export_text *text;
    struct avro_output *avro;
    char options[OPTIONS_BYTES];
    struct ds_error err;
    bool has_failed; /* err says why */
    uint64_t rows;
};

/* ---- rows ---- */

static int fail(struct writing *w, int result)
{
    w->has_failed = result != 0;
    return result;
}

static int write_text(struct writing *w, const char *text, size_t size)
{
    if (!text)
        return fail(w, ds_error(&w->err, DS_FAILURE, "out of memory"));
    errno = 0;
    return fwrite(text, 1, size, w->out.file) == size ? 0 : fail(w, output_error(&w->out, &w->err));
}

static int take_head(void *arg, const struct ds_export_head *head)
{
    struct writing *w = arg;
    size_t size = 0;
    if (output_open(&w->out, w->out.target, &w->err) < 0)
        return fail(w, -1);
    if (w->request->format == FORMAT_AVRO) {
        w->avro = avro_output_open(w->out.file, w->out.part, head, w->options, &w->err);
        return fail(w, w->avro ? 0 : -1);
    }
    w->text = ds_export_text_create(w->request->format == FORMAT_CSV, head);
    if (!w->text)
        return fail(w, ds_error(&w->err, DS_FAILURE, "out of memory"));
    const char *line = ds_export_text_head(w->text, &size);
    return write_text(w, line, size);
}

static int take_row(void *arg, const struct ds_export_value *values)
{
    struct writing *w = arg;
    size_t size = 0;
    if (w->rows++ % LOOK_EVERY == 0 && interrupt_has_come(w->request->signals))
        return fail(w, ds_error(&w->err, DS_FAILURE, "export: interrupted"));
    if (w->avro)
        return avro_output_row(w->avro, values) == 0 ? 0 : fail(w, output_error(&w->out, &w->err));
    const char *line = ds_export_text_row(w->text, values, &size);
    return write_text(w, line, size);
}

static bool is_enough(void *arg)
{
    const struct writing *w = arg;
    return interrupt_has_come(w->request->signals);
}

/* ---- a table ---- */

static int run_local(struct writing *w, const struct ds_query *query,
                     const struct ds_export_sink *sink, struct ds_error *err)
{
    struct ds_store *store = NULL;
    if (ds_store_open(w->request->o->store, DS_STORE_READ, &store, err) < 0)
        return -1;
    store->is_enough = is_enough;
    store->is_enough_arg = w;
    int result = ds_export_run(query, store, sink, err);
    ds_store_destroy(store);
    return result;
}

/* Runs it and gives the file its name, or removes it. */
static int write_table(struct writing *w, const struct options *o, const struct ds_query *query,
                       struct ds_error *err)
{
    const struct ds_export_sink sink = {take_head, take_row, w};
    int result = o->store ? run_local(w, query, &sink, err) : remote_run(o, query, &sink, err);
    errno = 0;
    if (avro_output_close(w->avro) < 0 && result == 0) {
        output_error(&w->out, &w->err);
        w->has_failed = true;
    }
    ds_export_text_destroy(w->text);
    if (w->has_failed) {
        *err = w->err;
        result = -1;
    }
    if (output_close(&w->out, result == 0, err) < 0)
        result = -1;
    return result;
}

/* ---- what is asked for ---- */

static bool is_own(const char *name)
{
    return strcmp(name, "output") == 0 || strcmp(name, "dictionary") == 0;
}

static bool is_word_of(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* Of several tables, one without steps or time leaves these options to the others. A filter is
 * never left out. */
static bool may_be_left(const struct request *r, const char *table, const char *name)
{
    char options[DS_EXPORT_OPTIONS_BYTES];
    const struct ds_export_table *t = ds_export_find(table);
    return t && r->o->word_count > 1 && is_word_of("step limit from to sensor", name) &&
           !is_word_of(ds_export_options(t, options), name);
}

static void add_pair(struct options *o, const char *name, const char *value)
{
    o->pairs[o->pair_count++] = (struct pair){.name = name, .value = value};
}

/* The question about one table: in query, and as pairs for a URL. */
static int ask_for(const struct request *r, const char *table, struct options *o,
                   struct ds_query *query, struct ds_error *err)
{
    const struct options *all = r->o;
    *o = *all;
    o->pair_count = 0;
    add_pair(o, "table", table);
    add_pair(o, "format", "jsonl");
    for (size_t i = 0; i < all->pair_count && o->pair_count < PAIRS_MAX; i++)
        if (!is_own(all->pairs[i].name) && !may_be_left(r, table, all->pairs[i].name))
            add_pair(o, all->pairs[i].name, all->pairs[i].value);
    ds_query_init(query, DS_QUERY_EXPORT);
    for (size_t i = 0; i < o->pair_count; i++)
        if (ds_query_set(query, o->pairs[i].name, o->pairs[i].value, err) < 0)
            return -1;
    return 0;
}

static void print_options(const struct options *o, char out[static OPTIONS_BYTES])
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 2; i < o->pair_count && used < OPTIONS_BYTES; i++)
        used += (size_t)snprintf(out + used, OPTIONS_BYTES - used, "%s--%s %s", used ? " " : "",
                                 o->pairs[i].name, o->pairs[i].value);
}

static int export_table(struct request *r, const char *table, struct ds_error *err)
{
    char path[PATH_MAX], name[NAME_MAX + 1];
    struct options o;
    struct ds_query query;
    struct writing w = {.request = r, .out.target = r->output};
    if (ask_for(r, table, &o, &query, err) < 0)
        return -1;
    print_options(&o, w.options);
    snprintf(name, sizeof name, "%s.%s", table, endings[r->format]);
    if (r->is_folder) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s", r->output, name) >= sizeof path)
            return ds_error(err, DS_USAGE, "export: --output: the path is too long");
        w.out.target = path;
    }
    if (write_table(&w, &o, &query, err) < 0)
        return -1;
    if (!r->is_folder)
        return 0;
    json_t *about = json_pack("{s:s, s:s}", "table", table, "options", w.options);
    return json_object_set_new(r->files, name, about) == 0
               ? 0
               : ds_error(err, DS_FAILURE, "out of memory");
}

/* ---- a folder ---- */

static int write_document(const char *folder, const char *name, const json_t *dictionary,
                          struct ds_error *err)
{
    char path[PATH_MAX];
    struct output out;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (output_open(&out, path, err) < 0)
        return -1;
    if (strcmp(name, "README.md") == 0) {
        dictionary_print(out.file, dictionary);
    } else {
        json_dumpf(dictionary, out.file, JSON_INDENT(1));
        fputc('\n', out.file);
    }
    return output_close(&out, true, err);
}

/* Of all tables that lie there, also from earlier runs. */
static int write_dictionary(const struct request *r, struct ds_error *err)
{
    json_t *tables = json_object(), *about;
    const char *file;
    json_object_foreach(r->files, file, about) json_object_set_new(
        tables, json_string_value(json_object_get(about, "table")), json_true());
    json_t *dictionary = dictionary_json(tables);
    json_decref(tables);
    if (!dictionary || json_object_set(dictionary, "files", r->files) < 0) {
        json_decref(dictionary);
        return ds_error(err, DS_FAILURE, "out of memory");
    }
    int result = write_document(r->output, "README.md", dictionary, err);
    if (result == 0)
        result = write_document(r->output, "dictionary.json", dictionary, err);
    json_decref(dictionary);
    return result;
}

/* What an earlier run wrote there, as far as it still is. */
static void read_files(struct request *r, const char *path)
{
    json_t *before = json_load_file(path, 0, NULL), *about;
    const char *file;
    json_object_foreach(json_object_get(before, "files"), file, about)
    {
        char there[PATH_MAX];
        const char *table = json_string_value(json_object_get(about, "table"));
        snprintf(there, sizeof there, "%s/%s", r->output, file);
        if (table && ds_export_find(table) && !strchr(file, '/') && access(there, F_OK) == 0)
            json_object_set(r->files, file, about);
    }
    json_decref(before);
}

static int open_folder(struct request *r, struct ds_error *err)
{
    char readme[PATH_MAX], dictionary[PATH_MAX];
    const struct output folder = {.target = r->output};
    if ((size_t)snprintf(readme, sizeof readme, "%s/README.md", r->output) >= sizeof readme ||
        (size_t)snprintf(dictionary, sizeof dictionary, "%s/dictionary.json", r->output) >=
            sizeof dictionary)
        return ds_error(err, DS_USAGE, "export: --output: the path is too long");
    if (mkdir(r->output, 0777) < 0 && errno != EEXIST)
        return output_error(&folder, err);
    if (access(readme, F_OK) == 0 && access(dictionary, F_OK) < 0)
        return ds_error(err, DS_USAGE,
                        "export: %s has a README.md of somebody else; name another folder",
                        r->output);
    r->files = json_object();
    if (!r->files)
        return ds_error(err, DS_FAILURE, "out of memory");
    read_files(r, dictionary);
    return 0;
}

/* ---- options ---- */

static const char *value_of(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->pair_count; i++)
        if (strcmp(o->pairs[i].name, name) == 0)
            return o->pairs[i].value;
    return NULL;
}

static bool is_folder(const struct options *o, const char *output)
{
    struct stat about;
    size_t length = output ? strlen(output) : 0;
    return length > 0 && (o->word_count > 1 || output[length - 1] == '/' ||
                          (stat(output, &about) == 0 && S_ISDIR(about.st_mode)));
}

/* That of --format, or as the file is called, or CSV. */
static enum format format_of(const struct options *o, const char *output)
{
    const char *ending = output ? strrchr(output, '.') : NULL;
    for (int i = 0; i < FORMAT_COUNT && ending && !o->has_format; i++)
        if (endings[i] && strcmp(endings[i], ending + 1) == 0)
            return (enum format)i;
    return o->format;
}

static int check(const struct request *r, struct ds_error *err)
{
    const struct options *o = r->o;
    char names[DS_EXPORT_NAMES_BYTES];
    if (o->word_count == 0)
        return ds_error(err, DS_USAGE, "export: which table? %s; --dictionary explains them",
                        ds_export_names(names));
    for (size_t i = 0; i < o->word_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(o->words[i], o->words[j]) == 0)
                return ds_error(err, DS_USAGE, "export: %s is given twice", o->words[i]);
    if (o->word_count > 1 && !r->output)
        return ds_error(err, DS_USAGE, "export: several tables need a folder: -o FOLDER");
    if (r->format != FORMAT_AVRO)
        return 0;
    if (!r->output)
        return ds_error(err, DS_USAGE, "export: Avro needs a file: -o FILE");
    return avro_output_check(err);
}

static int export_all(struct request *r, struct ds_error *err)
{
    int result = r->is_folder ? open_folder(r, err) : 0;
    r->signals = r->output ? interrupt_begin() : -1;
    for (size_t i = 0; i < r->o->word_count && result == 0; i++)
        result = export_table(r, r->o->words[i], err);
    if (result == 0 && r->is_folder)
        result = write_dictionary(r, err);
    interrupt_end(r->signals);
    json_decref(r->files);
    return result;
}

static int print_dictionary(const struct options *o, struct ds_error *err)
{
    json_t *tables = o->word_count ? json_object() : NULL;
    for (size_t i = 0; i < o->word_count; i++)
        json_object_set_new(tables, o->words[i], json_true());
    json_t *dictionary = dictionary_json(tables);
    json_decref(tables);
    if (!dictionary)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (o->has_format && o->format == FORMAT_JSON) {
        json_dumpf(dictionary, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        dictionary_print(stdout, dictionary);
    }
    json_decref(dictionary);
    return 0;
}

static int check_names(const struct options *o, struct ds_error *err)
{
    char names[DS_EXPORT_NAMES_BYTES];
    for (size_t i = 0; i < o->word_count; i++)
        if (!ds_export_find(o->words[i]))
            return ds_error(err, DS_USAGE, "export: no table %.40s; there are %s", o->words[i],
                            ds_export_names(names));
    return 0;
}

static int run(const struct options *o, struct ds_error *err)
{
    const char *output = value_of(o, "output");
    bool is_dictionary = value_of(o, "dictionary") != NULL;
    struct request r = {.o = o,
                        .output = output,
                        .is_folder = is_folder(o, output),
                        .format = format_of(o, output),
                        .signals = -1};
    if (check_names(o, err) < 0)
        return -1;
    if (is_dictionary && (output || o->pair_count > 1))
        return ds_error(
            err, DS_USAGE,
            "export: --dictionary is printed; beside it stand tables and --format only");
    if (o->format == FORMAT_JSON && !is_dictionary)
        return ds_error(err, DS_USAGE, "export: format json: not csv, jsonl or avro");
    if (is_dictionary)
        return print_dictionary(o, err);
    return check(&r, err) < 0 ? -1 : export_all(&r, err);
}

const struct command command_export = {
    .name = "export",
    .kind = DS_QUERY_EXPORT,
    .format = FORMAT_CSV,
    .formats = 1u << FORMAT_CSV | 1u << FORMAT_JSONL | 1u << FORMAT_AVRO | 1u << FORMAT_JSON,
    .takes_source = true,
    .summary = "tables to take away: CSV, JSON Lines, Avro, with a data dictionary",
    .help =
        "Usage: darkscope export TABLE... [OPTION...]\n\n"
        "With steps:  series ports port-countries countries classes types protocols devices\n"
        "             signatures infected sensors malformed\n"
        "Without:     windows attacks sources first-ports first-signatures sensor-list\n\n"
        "  -o, --output PATH  a file; or a folder, for several tables, with a data dictionary\n"
        "                     (without: standard output)\n"
        "  --format FORMAT    csv, jsonl or avro (without: as the file is called, or csv)\n"
        "  --dictionary       explains tables (without one: all) and their columns, as\n"
        "                     Markdown; with --format json for programs\n"
        "What:\n"
        "  --step STEP        window, minute, hour, day (default), week, month, year, all (the\n"
        "                     whole time as one), auto, or a duration such as 5m\n"
        "  --limit N          the first N rows of each step, by packets (without: all)\n"
        "  --port PORT --proto PROTO --country CC --class CLASS --no-survey, --survey only\n"
        "  --type TYPE --signature NAME   as of `darkscope query`; --dictionary says which\n"
        "                     table takes which\n"
        "When and where:\n"
        "  --from TIME --to TIME   (without: all that is stored)\n"
        "  --tz ZONE          days and times of a zone such as Asia/Tokyo (without: UTC)\n"
        "  --sensor NAME      one sensor (without: all together)\n\n"
        "Rows come as they are read, so memory does not grow with their number. A file is there\n"
        "whole or not at all.\n\n"
        "Examples:\n"
        "  darkscope export ports --step hour --from 2026-01-01 --to 2026-02-01 -o ports.avro\n"
        "  darkscope export series countries sensors --tz Asia/Tokyo -o 2026/\n"
        "  darkscope export series --port 23/tcp --step 5m --format jsonl | gzip > telnet.gz\n"
        "  darkscope export ports --step all --limit 20\n"
        "  darkscope export --dictionary ports\n",
    .run = run,
};
