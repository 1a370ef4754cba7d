/* SPDX-License-Identifier: Apache-2.0
 *
 * The yearly report. Its figures are gathered from the store into one document of JSON (gather_*.c,
 * document.h); report.json is this document, and the CSV files, report.md, report.html and the
 * charts are written from it alone, so that a number cannot differ between them.
 *
 *   gather_years.c     years side by side         document.c  tables and figures of the document
 *   gather_daily.c     by day, surveys, sensors   words.c     texts in English and Japanese
 *   gather_ports.c     ports                      cell.c      a value as people read it
 *   gather_origins.c   countries, home            csv.c, markdown.c, html.c, page.c, chart.c
 *   gather_hosts.c     infected, devices, tools   folder.c    the files
 *   gather_attacks.c   backscatter, attacks       published.c what was published before
 *   gather_events.c    surges
 *   gather_volume.c    hosts that send most
 */
#ifndef DARKSCOPE_REPORT_H
#define DARKSCOPE_REPORT_H

#include "calendar.h"
#include "store.h"

#include <jansson.h>

#define REPORT_YEARS_DEFAULT 10 /* side by side, as in NICTER's reports */
#define REPORT_YEARS_MAX     50
#define REPORT_DAYS_MAX      800 /* of the period */
#define REPORT_TOP           10  /* rows of a top table */
#define REPORT_LABEL         48  /* bytes of "2026-Q3", "2026-01-01/2026-02-01" */
#define REPORT_SCHEMA        "urn:darkscope:report:1"

enum report_language { REPORT_EN, REPORT_JA, REPORT_LANGUAGE_COUNT };

enum report_kind { REPORT_YEAR, REPORT_QUARTER, REPORT_MONTH, REPORT_DAYS };

/* Which time: by the calendar, so that it can be moved by years. Days begin at midnight. */
struct report_period {
    enum report_kind kind;
    int year;                 /* in which it begins */
    int month, months;        /* first (1 to 12), how many; not of REPORT_DAYS */
    int64_t from_day, to_day; /* REPORT_DAYS: days since 1970 */
};

struct report_options {
    const char *store, *output; /* folders; output NULL: named by the period */
    struct report_period period;
    enum report_language language;
    const char *zone;
    ds_country home; /* 0: none */
    int years;
    bool publish;
};

struct report {
    const struct report_options *options;
    struct ds_store *store;
    struct ds_calendar *calendar;
    int64_t now_s;
    struct ds_range range; /* of the period; ends now where the period is not over */
    int64_t *edges_s;      /* of its days, day_count + 1 */
    size_t day_count;
    char label[REPORT_LABEL];
    struct ds_totals totals; /* of range */
    json_t *root;
    bool no_memory; /* something is missing in root */
};

/* ---- period.c ---- */

/* Reads --year, --quarter, --month, --from, --to. 0, or -1 with err. */
int report_period_parse(const char *const values[static 5], struct report_period *out,
                        struct ds_error *err);
/* Where the period begins and ends, so many years earlier. False where there is no such time. */
bool report_period_range(const struct report_period *p, const struct ds_calendar *calendar,
                         int years_before, int64_t *from_s, int64_t *to_s);
/* "2026", "2026-Q3", "2026-07", "2026-01-01/2026-02-01". */
void report_period_label(const struct report_period *p, int years_before,
                         char out[static REPORT_LABEL]);
/* Midnights from from_s to to_s; the caller frees *edges. NULL without memory. */
int64_t *report_day_edges(const struct ds_calendar *calendar, int64_t from_s, int64_t to_s,
                          size_t *days);
/* "2026-01-31" of the zone. */
const char *report_date(const struct ds_calendar *calendar, int64_t utc_s,
                        char out[static DS_TIME_TEXT]);

/* ---- gathering; each appends a chapter. 0, or -1 with err ---- */

/* Fills r->range, totals and the document's head. */
int report_gather_head(struct report *r, struct ds_error *err);
int report_gather_years(struct report *r, struct ds_error *err);
int report_gather_daily(struct report *r, struct ds_error *err);
int report_gather_survey(struct report *r, struct ds_error *err);
int report_gather_ports(struct report *r, struct ds_error *err);
int report_gather_countries(struct report *r, struct ds_error *err);
int report_gather_home(struct report *r, struct ds_error *err);
int report_gather_infected(struct report *r, struct ds_error *err);
int report_gather_devices(struct report *r, struct ds_error *err);
int report_gather_tools(struct report *r, struct ds_error *err);
int report_gather_attacks(struct report *r, struct ds_error *err);
int report_gather_events(struct report *r, struct ds_error *err);
int report_gather_volume(struct report *r, struct ds_error *err);
int report_gather_provenance(struct report *r, struct ds_error *err);

/* ---- writing ---- */

/* Writes report.json, report.md, report.html, CSV and SVG files into the folder. 0, or -1. */
int report_write_folder(const json_t *root, enum report_language language, const char *folder,
                        struct ds_error *err);
void report_write_csv(FILE *to, const json_t *table);
/* What the columns of the CSV files are, file by file. */
void report_write_dictionary(FILE *to, const json_t *root, enum report_language language);
void report_write_markdown(FILE *to, const json_t *root, enum report_language language);
void report_write_html(FILE *to, const json_t *root, enum report_language language);
/* One figure as SVG: a file of its own, or (inline) a part of a page, with ids of its own. */
void report_write_chart(FILE *to, const json_t *root, const json_t *figure,
                        enum report_language language);

/* ---- published.c ---- */

/* Adds what was published of each year (as_published, revised, why). 0, or -1 with err. */
int report_gather_published(struct report *r, struct ds_error *err);
/* Records the years' figures as published. 0, or -1 with err. */
int report_publish(const struct report *r, struct ds_error *err);

#endif
