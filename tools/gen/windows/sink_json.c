/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include "darkscope/window_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct json_sink {
    struct ds_gen_sink sink;
    const char *path;
    FILE *file;
};

static int fail(const struct json_sink *s, struct ds_error *err)
{
    return ds_error(err, errno == EACCES || errno == EPERM ? DS_PERMISSION : DS_FAILURE,
                    "%s: cannot write: %s", s->path, strerror(errno));
}

static int send_message(struct ds_gen_sink *sink, const struct ds_gen_message *m,
                        struct ds_error *err)
{
    struct json_sink *s = (struct json_sink *)sink;
    return ds_window_print_json(s->file, m->window, m->sensor, true) < 0 ? fail(s, err) : 0;
}

static int close_json(struct ds_gen_sink *sink, struct ds_error *err)
{
    struct json_sink *s = (struct json_sink *)sink;
    int result = s->file == stdout ? fflush(stdout) : fclose(s->file);
    if (result != 0 && err)
        fail(s, err);
    free(s);
    return result == 0 ? 0 : -1;
}

int ds_gen_sink_json(const char *path, struct ds_gen_sink **out, struct ds_error *err)
{
    static const struct ds_gen_sink_ops ops = {.send = send_message, .close = close_json};
    struct json_sink *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "out of memory");
    *s = (struct json_sink){.sink = {&ops}, .path = path};
    s->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (!s->file) {
        fail(s, err);
        free(s);
        return -1;
    }
    *out = &s->sink;
    return 0;
}
