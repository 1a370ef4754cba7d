/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope: the researcher's command line. Reads arguments, gets the answer, prints it.
 */
#include "fetch.h"

#include <locale.h>

static int print_table(const struct options *o, struct ds_error *err)
{
    json_t *answer = NULL;
    if (fetch_answer(o, &answer, err) < 0)
        return -1;
    o->command->table(stdout, answer);
    json_decref(answer);
    return 0;
}

static int run(const struct options *o, struct ds_error *err)
{
    if (o->command->run)
        return o->command->run(o, err);
    int result = o->format == FORMAT_TABLE ? print_table(o, err) : fetch_print(o, stdout, err);
    if (fflush(stdout) != 0 || ferror(stdout))
        return ds_error(err, DS_FAILURE, "standard output cannot be written");
    return result;
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
