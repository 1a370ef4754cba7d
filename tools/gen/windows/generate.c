/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/generate.h"

#include "run.h"
#include "windows/parameters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int open_sink(const struct ds_gen_windows_options *o, const struct ds_gen_plan *plan,
                     const char *output, struct ds_gen_sink **sink, struct ds_error *err)
{
    if (o->store)
        return ds_gen_sink_store(o->store, o->prunes, sink, err);
    if (o->aggregator)
        return ds_gen_sink_aggregator(o->aggregator, plan->sensors, plan->seed, sink, err);
    return ds_gen_sink_json(output, sink, err);
}

static int write_truth(struct ds_gen_run *r, const char *path, struct ds_error *err)
{
    char *parameters = ds_gen_plan_json(r->plan);
    FILE *f = parameters ? fopen(path, "w") : NULL;
    int result = f ? ds_gen_run_write_truth(r, f, parameters) : -1;
    int cause = errno;
    if (f && fclose(f) != 0 && result == 0) {
        cause = errno;
        result = -1;
    }
    free(parameters);
    return result < 0 ? ds_error(err, DS_FAILURE, "%s: cannot write: %s", path, strerror(cause))
                      : 0;
}

int ds_gen_windows_run(const struct ds_gen_windows_options *o, const struct ds_gen_plan *plan,
                       const char *output, const char *truth, const volatile sig_atomic_t *stopped,
                       struct ds_error *err)
{
    struct ds_gen_run run;
    struct ds_gen_sink *sink = NULL;
    int result = ds_gen_run_init(&run, plan, truth != NULL, err);
    if (result == 0)
        result = open_sink(o, plan, output, &sink, err);
    if (result == 0)
        result = ds_gen_run_send(&run, sink, stopped, err);
    if (sink && sink->ops->close(sink, result == 0 ? err : NULL) < 0)
        result = -1;
    if (result == 0 && truth)
        result = write_truth(&run, truth, err);
    ds_gen_run_finish(&run);
    return result;
}
