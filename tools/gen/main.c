/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope-gen: wires options, country database, generator, output and truth.
 */
#include "generate.h"
#include "output.h"
#include "parameters.h"
#include "population.h"
#include "truth.h"
#include "windows/generate.h"

#include "darkscope/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    stopped = 1;
}

static void list(void)
{
    for (size_t i = 0; i < ds_gen_population_count(); i++) {
        const struct ds_gen_population *p = ds_gen_population_at(i);
        printf("%-20s %4u  %s\n", p->name, p->weight, p->about);
    }
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* All packets to the output and, where it is wanted, into the truth. */
static int run(struct ds_gen_generator *g, struct ds_gen_output *out, struct ds_gen_truth *truth,
               struct ds_error *err)
{
    const struct ds_gen_packet *p;
    while (!stopped && (p = ds_gen_generator_next(g))) {
        if (out->ops->write(out, p, err) < 0)
            return -1;
        if (truth)
            ds_gen_truth_count(truth, &p->fact);
    }
    return 0;
}

static int write_truth(struct ds_gen_truth *truth, const struct ds_gen_options *o,
                       struct ds_error *err)
{
    char *parameters = ds_gen_parameters(o);
    FILE *f = parameters ? fopen(o->truth, "w") : NULL;
    int r = f ? ds_gen_truth_write(truth, f, parameters) : -1;
    int cause = errno;
    if (f && fclose(f) != 0 && r == 0) {
        cause = errno;
        r = -1;
    }
    free(parameters);
    if (r < 0)
        return ds_error(err, DS_FAILURE, "%s: cannot write: %s", o->truth, strerror(cause));
    return 0;
}

static int generate(const struct ds_gen_options *o, const struct ds_gen_countries *countries,
                    struct ds_gen_output *out, struct ds_error *err)
{
    struct ds_gen_generator *g = calloc(1, sizeof *g); /* too large for a stack */
    if (!g)
        return ds_error(err, DS_FAILURE, "out of memory");
    struct ds_gen_truth truth = {0};
    int64_t base_ns = o->interface ? now_ns() : o->start_s * INT64_C(1000000000);
    int r = ds_gen_generator_init(g, o, countries, base_ns, out->resolution_ns, err);
    if (r == 0 && o->truth)
        r = ds_gen_truth_init(&truth, countries, g->world.addresses4, o->window_s, err);
    if (r == 0)
        r = run(g, out, o->truth ? &truth : NULL, err);
    if (r == 0 && o->truth)
        r = write_truth(&truth, o, err);
    ds_gen_truth_finish(&truth);
    ds_gen_generator_finish(g);
    free(g);
    return r;
}

static int start(const struct ds_gen_options *o, struct ds_error *err)
{
    struct ds_gen_countries *countries = NULL;
    struct ds_gen_output *out = NULL;
    if (o->country_db && ds_gen_countries_open(o->country_db, &countries, err) < 0)
        return -1;
    int r = o->interface ? ds_gen_open_interface(o, &out, err) : ds_gen_open_file(o, &out, err);
    if (r == 0) {
        r = generate(o, countries, out, err);
        if (out->ops->close(out, r == 0 ? err : NULL) < 0)
            r = -1;
    }
    ds_gen_countries_close(countries);
    return r;
}

int main(int argc, char **argv)
{
    struct ds_gen_options o;
    struct ds_error err = {.status = DS_FAILURE};
    ds_log_init("darkscope-gen", DS_LOG_INFO);
    if (ds_gen_options_parse(&o, argc, argv, &err) < 0) {
        ds_log(DS_LOG_INFO, "%s", err.text);
        return err.status;
    }
    if (o.list) {
        list();
        return DS_OK;
    }
    /* Interrupted, it still leaves a whole file with its truth. */
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    signal(SIGPIPE, SIG_IGN);
    int r = o.windows.wanted
                ? ds_gen_windows_run(&o.windows, &o.plan, o.output, o.truth, &stopped, &err)
                : start(&o, &err);
    if (r < 0) {
        ds_log(DS_LOG_INFO, "%s", err.text);
        return err.status;
    }
    return DS_OK;
}
