/* SPDX-License-Identifier: Apache-2.0 */
#include "parameters.h"

#include "population.h"

#include <arpa/inet.h>
#include <jansson.h>

static json_t *prefixes(const struct ds_gen_options *o)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->prefix_count; i++) {
        const struct ds_prefix *p = &o->prefixes[i];
        char address[INET6_ADDRSTRLEN];
        inet_ntop(p->is_v6 ? AF_INET6 : AF_INET, p->address, address, sizeof address);
        json_array_append_new(list, json_sprintf("%s/%u", address, p->bits));
    }
    return list;
}

static json_t *mix(const struct ds_gen_options *o)
{
    json_t *object = json_object();
    for (size_t i = 0; i < ds_gen_population_count(); i++)
        if (o->mix[i])
            json_object_set_new(object, ds_gen_population_at(i)->name, json_integer(o->mix[i]));
    return object;
}

char *ds_gen_parameters(const struct ds_gen_options *o)
{
    char start[DS_TIME_TEXT];
    json_t *j = json_pack("{s:I, s:o, s:I, s:f, s:s, s:I, s:I, s:o, s:s, s:s, s:I, s:f}", "seed",
                          (json_int_t)o->seed, "prefixes", prefixes(o), "rate", (json_int_t)o->rate,
                          "duration", (double)o->duration_ns / 1e9, "start",
                          ds_time_print(o->start_s, start), "window", (json_int_t)o->window_s,
                          "sources", (json_int_t)o->sources, "mix", mix(o), "format",
                          ds_gen_format_name(o->format), "link", ds_gen_link_name(o->link),
                          "snaplen", (json_int_t)o->snaplen, "speed", o->speed);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    return text;
}
