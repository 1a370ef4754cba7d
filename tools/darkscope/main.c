/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope: the researcher's command line. Reads arguments, gets the answer, prints it.
 */
#include "fetch.h"

#include <locale.h>

static int print_answer(const struct options *o, const json_t *answer)
{
    if (o->format == FORMAT_TABLE)
        o->command->table(stdout, answer);
    else if (o->format == FORMAT_CSV)
        o->command->csv(stdout, answer);
    else if (json_dumpf(answer, stdout, DS_QUERY_JSON) == 0)
        fputc('\n', stdout);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

static int run(const struct options *o, struct ds_error *err)
{
    json_t *answer = NULL;
    if (o->command->run)
        return o->command->run(o, err);
    if (fetch_answer(o, &answer, err) < 0)
        return -1;
    int printed = print_answer(o, answer);
    json_decref(answer);
    return printed == 0 ? 0 : ds_error(err, DS_FAILURE, "standard output cannot be written");
}

int main(int argc, char **argv)
{
    struct options o;
    struct ds_error err;
    setlocale(LC_CTYPE, "");
    int result = options_parse(&o, argc, argv, &err);
    if (result == 0 && o.wants_version)
        puts("darkscope " DARKSCOPE_VERSION);
    else if (result == 0 && o.wants_help)
        options_help(stdout, o.command);
    else if (result == 0)
        result = run(&o, &err);
    if (result == 0)
        return DS_OK;
    fprintf(stderr, "darkscope: %s\n", err.text);
    return err.status;
}
