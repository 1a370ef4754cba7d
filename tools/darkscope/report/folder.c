/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a report. A folder that is there already is written into only where it is a
 * report's; each file is written beside its name and then renamed, so that none is ever half.
 */
#include "cell.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct writing {
    const char *folder;
    const json_t *root;
    enum report_language language;
    char path[PATH_BYTES], part[PATH_BYTES];
};

static int file_error(const char *path, struct ds_error *err)
{
    enum ds_status status = errno == EACCES || errno == EPERM ? DS_PERMISSION : DS_FAILURE;
    return ds_error(err, status, "report: %s cannot be written: %s", path, strerror(errno));
}

/* NULL with err. */
static FILE *begin(struct writing *w, const char *kind, const char *name, const char *ending,
                   struct ds_error *err)
{
    int length = snprintf(w->path, PATH_BYTES, "%s/%s%s%s", w->folder, kind, name, ending);
    if (length < 0 || length >= PATH_BYTES - 8) {
        ds_error(err, DS_USAGE, "report: --output: the path is too long");
        return NULL;
    }
    snprintf(w->part, PATH_BYTES, "%.*s.part", length, w->path);
    FILE *file = fopen(w->part, "w");
    if (!file)
        file_error(w->part, err);
    return file;
}

static int end(struct writing *w, FILE *file, struct ds_error *err)
{
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (!failed && rename(w->part, w->path) == 0)
        return 0;
    file_error(w->path, err);
    unlink(w->part);
    return -1;
}

static int write_json(struct writing *w, struct ds_error *err)
{
    FILE *file = begin(w, "", "report", ".json", err);
    if (!file)
        return -1;
    if (json_dumpf(w->root, file, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) == 0) {
        fputc('\n', file);
        return end(w, file, err);
    }
    file_error(w->path, err);
    fclose(file);
    unlink(w->part);
    return -1;
}

typedef void document_fn(FILE *to, const json_t *root, enum report_language language);

static int write_document(struct writing *w, const char *kind, const char *name, const char *ending,
                          document_fn *print, struct ds_error *err)
{
    FILE *file = begin(w, kind, name, ending, err);
    if (!file)
        return -1;
    print(file, w->root, w->language);
    return end(w, file, err);
}

static int write_parts(struct writing *w, const json_t *chapter, struct ds_error *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(chapter, "tables"), i, item)
    {
        FILE *file = begin(w, "csv/", report_text_of(item, "id"), ".csv", err);
        if (!file)
            return -1;
        report_write_csv(file, item);
        if (end(w, file, err) < 0)
            return -1;
    }
    json_array_foreach(json_object_get(chapter, "figures"), i, item)
    {
        FILE *file = begin(w, "figures/", report_text_of(item, "id"), ".svg", err);
        if (!file)
            return -1;
        report_write_chart(file, w->root, item, w->language);
        if (end(w, file, err) < 0)
            return -1;
    }
    return 0;
}

static int make_folder(const char *folder, const char *part, struct ds_error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s%s", folder, part);
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : file_error(path, err);
}

/* Files of somebody else stay. */
static int check_folder(const char *folder, struct ds_error *err)
{
    char path[PATH_BYTES];
    bool is_empty = true;
    DIR *dir = opendir(folder);
    if (!dir)
        return errno == ENOENT ? 0 : file_error(folder, err);
    for (struct dirent *entry; (entry = readdir(dir));)
        is_empty =
            is_empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(dir);
    snprintf(path, sizeof path, "%s/report.json", folder);
    if (is_empty || access(path, F_OK) == 0)
        return 0;
    return ds_error(err, DS_USAGE,
                    "report: %s has other files in it; name another folder with --output", folder);
}

int report_write_folder(const json_t *root, enum report_language language, const char *folder,
                        struct ds_error *err)
{
    struct writing w = {.folder = folder, .root = root, .language = language};
    size_t i;
    json_t *chapter;
    if (check_folder(folder, err) < 0 || make_folder(folder, "", err) < 0 ||
        make_folder(folder, "/csv", err) < 0 || make_folder(folder, "/figures", err) < 0)
        return -1;
    json_array_foreach(json_object_get(root, "chapters"), i,
                       chapter) if (write_parts(&w, chapter, err) < 0) return -1;
    if (write_document(&w, "csv/", "README", ".md", report_write_dictionary, err) < 0 ||
        write_document(&w, "", "report", ".md", report_write_markdown, err) < 0 ||
        write_document(&w, "", "report", ".html", report_write_html, err) < 0)
        return -1;
    return write_json(&w, err);
}
