/* SPDX-License-Identifier: Apache-2.0 */
#include "assets.h"

#include "page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096
#define HTML      "text/html; charset=utf-8"

static const struct file {
    const char *name, *path, *type;
} files[] = {
    {"index.html", "/", HTML},
    {"main.js", "/main.js", "text/javascript; charset=utf-8"},
    {"main.js.LEGAL.txt", "/main.js.LEGAL.txt", "text/plain; charset=utf-8"},
    {"style.css", "/style.css", "text/css; charset=utf-8"},
    {"icon.svg", "/icon.svg", "image/svg+xml"},
    {"map.json", "/map.json", "application/json"},
};
#define FILES (sizeof files / sizeof files[0])

struct ds_assets {
    bool is_complete;
    struct ds_asset list[FILES];
};

static bool read_all(int fd, char *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, to + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_asset(const char *directory, const struct file *from, struct ds_asset *a)
{
    char path[PATH_ROOM];
    struct stat info;
    int length = snprintf(path, sizeof path, "%s/%s", directory, from->name);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is_read = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
                   (size_t)info.st_size <= DS_ASSET_MAX;
    if (is_read) {
        a->bytes = (size_t)info.st_size;
        a->text = calloc(1, a->bytes + 1);
        is_read = a->text && read_all(fd, a->text, a->bytes);
    }
    close(fd);
    a->path = from->path;
    a->type = from->type;
    return is_read && strlen(a->text) == a->bytes;
}

static void drop_all(struct ds_assets *a)
{
    for (size_t i = 0; i < FILES; i++)
        free(a->list[i].text);
    memset(a->list, 0, sizeof a->list);
}

struct ds_assets *ds_assets_read(const char *directory)
{
    struct ds_assets *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->is_complete = directory != NULL;
    for (size_t i = 0; i < FILES && a->is_complete; i++)
        a->is_complete = read_asset(directory, &files[i], &a->list[i]);
    if (a->is_complete)
        return a;
    drop_all(a);
    a->list[0] = (struct ds_asset){.path = "/", .type = HTML, .text = strdup(ds_page_html)};
    if (!a->list[0].text) {
        free(a);
        return NULL;
    }
    a->list[0].bytes = strlen(a->list[0].text);
    return a;
}

void ds_assets_destroy(struct ds_assets *a)
{
    if (a)
        drop_all(a);
    free(a);
}

bool ds_assets_is_complete(const struct ds_assets *a)
{
    return a->is_complete;
}

const struct ds_asset *ds_assets_find(const struct ds_assets *a, const char *path)
{
    for (size_t i = 0; i < FILES; i++)
        if (a->list[i].text && strcmp(a->list[i].path, path) == 0)
            return &a->list[i];
    return NULL;
}
