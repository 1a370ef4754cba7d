/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that fill rows of exports share: the numbers of the columns. Nothing outside this
 * folder includes it.
 */
#ifndef DARKSCOPE_QUERY_EXPORT_ROW_H
#define DARKSCOPE_QUERY_EXPORT_ROW_H

#include "answer.h"
#include "export.h"
#include "steps.h"

#define IS_KEY 0x80 /* beside the number of a column in a table */

enum column {
    C_START,
    C_END,
    C_LENGTH,
    C_SENSOR,
    C_RANK,
    C_CLASS,
    C_PROTO,
    C_PORT,
    C_COUNTRY,
    C_TYPE,
    C_DEVICE,
    C_SIGNATURE,
    C_FILTER_CLASS, /* what a series is of */
    C_FILTER_PROTO,
    C_FILTER_PORT,
    C_FILTER_COUNTRY,
    C_FILTER_TYPE,
    C_FILTER_SIGNATURE,
    C_SURVEY_PART,
    C_REASON,
    C_PACKETS,
    C_PACKETS_EXACT, /* of tables without floors */
    C_SHARE,
    C_FLOOR,
    C_BYTES,
    C_SURVEY_PACKETS,
    C_SOURCES,
    C_SOURCES_KIND,
    C_SOURCES_ERROR,
    C_SOURCES_PEAK,
    C_INFECTED,
    C_INFECTED_KIND,
    C_INFECTED_ERROR,
    C_CONFIRMED,
    C_CONFIRMED_KIND,
    C_CONFIRMED_ERROR,
    C_ADDRESSES,
    C_ACTIVE_ADDRESSES,
    C_WINDOWS,
    C_SPLIT_WINDOWS,
    C_OBSERVED,
    C_COVERAGE,
    C_PARTS,
    C_BOOKS, /* one each */
    C_BOOKS_LAST = C_BOOKS + DS_BOOK_COUNT - 1,
    C_OVERFLOW,
    C_OVERFLOW_LAST = C_OVERFLOW + DS_OVERFLOW_COUNT - 1,
    C_DESTINATIONS,
    C_COUNTRY_DB,
    C_SOURCE,
    C_ASN,
    C_SOURCE_PACKETS,
    C_PORTS_PEAK,
    C_SURVEY,
    C_SOURCE_DEVICE,
    C_CLASSES,
    C_SIGNATURES,
    C_SOURCE_CONFIRMED,
    C_SOURCE_WINDOWS,
    C_FIRST,
    C_LAST,
    C_VICTIM,
    C_VICTIM_COUNTRY,
    C_ATTACKED_PROTO,
    C_ATTACKED_PORT,
    C_ATTACK_START,
    C_ATTACK_LAST,
    C_DURATION,
    C_ATTACK_PACKETS,
    C_ATTACK_BYTES,
    C_MISMATCHES,
    C_MAX_PPM,
    C_ATTACK_PORTS,
    C_ATTACK_ADDRESSES,
    C_ATTACK_SERVICE_PORTS,
    C_PERIOD_PACKETS,
    C_PERIOD_BYTES,
    C_ATTACK_WINDOWS,
    C_FIRST_SEEN,
    C_LAST_SEEN,
    C_FIRST_WINDOW,
    C_LAST_WINDOW_END,
    C_LAST_RECEIVED,
    C_GRID,
    C_DROPPED,
    C_COUNT
};
_Static_assert(C_COUNT < IS_KEY, "a number has room for the mark of a key");

/* What a table takes, as bits of ds_export_table.takes. */
enum {
    TAKES_CLASS = 1, /* class */
    TAKES_PORT = 2,  /* and proto */
    TAKES_COUNTRY = 4,
    TAKES_SURVEY = 8,
    TAKES_ALONE = 16, /* type, signature */
    TAKES_PORTS = 32, /* several */
    TAKES_STEP = 64,
    TAKES_LIMIT = 128,
    TAKES_PERIOD = 256, /* from, to, sensor */
    TAKES_SIGNATURE = 512,
    TAKES_ZONE = 1024,
};

/* What fills a table. */
enum fill {
    FILL_SERIES,
    FILL_STEPS,
    FILL_STEPS_BY_COUNTRY,
    FILL_INFECTED,
    FILL_SENSORS,
    FILL_MALFORMED,
    FILL_WINDOWS,
    FILL_ATTACKS,
    FILL_SOURCES,
    FILL_SEEN,
    FILL_SENSOR_LIST,
    FILL_COUNT
};

#define TEXT_BYTES 24 /* of names that are made for a row */

/* An export under way. */
struct export
{
    struct answer *answer;
    const struct ds_export_table *table;
    const struct ds_export_sink *sink;
    struct ds_error *err;
    uint64_t limit;
    struct ds_export_value all[C_COUNT]; /* of the row that is being filled */
    bool is_set[C_COUNT];
    struct ds_export_value values[DS_EXPORT_COLUMNS_MAX]; /* those of the table */
    char proto[8], country[3], text[TEXT_BYTES];
};

void ds_export_set_null(struct export *x, enum column c);
void ds_export_set_text(struct export *x, enum column c, const char *text); /* NULL: null */
void ds_export_set_count(struct export *x, enum column c, uint64_t count);
void ds_export_set_real(struct export *x, enum column c, double real);
void ds_export_set_time(struct export *x, enum column c, int64_t seconds);
void ds_export_set_flag(struct export *x, enum column c, bool flag);
/* A count where it is known, else null. */
void ds_export_set_known(struct export *x, enum column c, bool known, uint64_t count);
void ds_export_set_coverage(struct export *x, uint64_t observed_ns, uint64_t sensors,
                            int64_t length_s);
/* sources of c, its kind in c + 1 and its error in c + 2. */
void ds_export_set_unique(struct export *x, enum column c, const struct ds_figures *f,
                          bool watched);
/* What is kept of the packets and sources; all null where nobody watched. */
void ds_export_set_figures(struct export *x, const struct ds_figures *f, bool watched);
/* Hands over the row, all of whose columns are set. 0, or what the sink says. */
int ds_export_send(struct export *x);

/* ---- what fills the tables; 0, 1 where the sink ended it, -1 ---- */

int ds_export_series(struct export *x, const struct steps *steps);
int ds_export_steps(struct export *x, const struct steps *steps);
int ds_export_infected(struct export *x, const struct steps *steps);
int ds_export_sensors(struct export *x, const struct steps *steps);
int ds_export_windows(struct export *x);
int ds_export_attacks(struct export *x);
int ds_export_sources(struct export *x);
int ds_export_seen(struct export *x);
int ds_export_sensor_list(struct export *x);

#endif
