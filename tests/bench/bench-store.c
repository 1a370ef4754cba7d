/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store costs: minutes of a /16 taken in with all upkeep, bytes a cell on each level, and
 * questions to a year. The minutes are those of darkscope-gen --windows, with sketches and source
 * records; making them is not measured. The year is the first day, packed by the store, written
 * again and again with other dates: what is read has the true size, but every day the same figures.
 *
 *   bench-store [--minutes N] [--repeat N [--done N]] [--packets N] [--directory DIR] [--days N]
 *               [--in-only | --year-only | --ask-only | --sum-only]
 *
 * With --repeat the minutes are taken in N times, each time with later dates: a year through all of
 * the store, without the hours that generating it takes. They are kept in memory, which is not
 * counted as the store's. With --done so many of these are in DIR already, from a run that was
 * ended, and perhaps some of the next.
 */
#include "darkscope/message.h"
#include "gen/windows/run.h"
#include "heap.h"
#include "measure.h"
#include "sketch_fields.h"
#include "source_columns.h"
#include "store.h"
#include "store/roll.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define START  INT64_C(1767225600) /* 2026-01-01 */
#define DAY    INT64_C(86400)
#define ROUNDS 5

#define MINUTES_OF_DAY 1440u
#define PAUSE_NS       5000000 /* until it is looked again whether something is due */
#define WAITING        8       /* windows of a sensor that is behind, as session.h lets it send */
#define BEHIND_MAX_S   86400   /* upkeep may be; then puts wait, and that time counts */

struct bench {
    char directory[200];
    size_t minutes, repeats, done, packets, days;
    bool is_in_only;   /* takes in, asks nothing */
    bool is_year_only; /* takes nothing in: makes a year of the day that is left in the directory */
    bool is_ask_only;  /* nor makes a year: it is there */
    bool is_sum_only;  /* nor asks: the sums of its months are made */
    struct ds_store *store;
};

static void check(int failed, const char *what, const char *why)
{
    if (!failed)
        return;
    fprintf(stderr, "bench-store: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    return ds_bench_clock_s(CLOCK_MONOTONIC);
}

/* ---- taking in ---- */

static const struct ds_retention keep = {DS_KEEP_MINUTES_S, DS_KEEP_HOURS_S, DS_KEEP_FOR_EVER};

/* What one operation takes, over all windows. */
struct spent {
    double wall_s, cpu_s, longest_s;
};

/* Puts in one thread, tidies in another, as the aggregator does. */
struct intake {
    struct ds_gen_sink sink;
    struct bench *bench;
    struct spent put, tidy;
    uint64_t windows, cells, packets, sources;
    struct ds_message *stock; /* to be repeated: windows as they were decoded */
    size_t stock_count;
    long stock_kib, peak_kib; /* resident: all before the first repetition; most of all */
    pthread_t tidier;
    atomic_llong now_s;  /* the time, for upkeep */
    atomic_llong kept_s; /* up to then all was done that was due */
    atomic_bool is_over;
};

struct begun {
    double wall_s, cpu_s;
};

static struct begun begin(void)
{
    return (struct begun){now_s(), ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID)};
}

static void end(struct begun b, struct spent *s)
{
    double wall_s = now_s() - b.wall_s;
    s->wall_s += wall_s;
    s->cpu_s += ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - b.cpu_s;
    s->longest_s = wall_s > s->longest_s ? wall_s : s->longest_s;
}

static int upkeep(struct intake *in, int64_t at_s)
{
    struct ds_error err = {0};
    struct begun b = begin();
    int result = in->bench->store->ops->tidy(in->bench->store, &keep, at_s, &err);
    if (result > 0)
        ds_heap_trim();
    if (result != 0) /* else it only looked, and waited for a put */
        end(b, &in->tidy);
    check(result < 0, "tidy", err.text);
    return result;
}

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    check(!file || fscanf(file, "%ld %ld", &pages, &resident) != 2, "/proc/self/statm",
          "cannot be read");
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void await_upkeep(struct intake *in)
{
    while (in->now_s - in->kept_s > BEHIND_MAX_S)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static void put_alone(struct intake *in, const struct ds_store_put *put)
{
    struct ds_error err = {0};
    int result = in->bench->store->ops->put(in->bench->store, put, &err);
    bool was_there = result == DS_PUT_DUPLICATE && in->bench->done > 0;
    check(result != DS_PUT_COMMITTED && !was_there, "put", err.text);
}

static void note_window(struct intake *in, const struct ds_store_put *put)
{
    const struct ds_window *w = put->window;
    in->windows++;
    in->cells += w->cell_count;
    in->packets += w->books[DS_BOOK_COUNTED];
    in->sources += w->sources;
    in->now_s = put->received_s;
    if (in->windows % 60 > 0)
        return;
    long own_kib = resident_kib() - in->stock_kib;
    in->peak_kib = own_kib > in->peak_kib ? own_kib : in->peak_kib;
    if (in->windows % MINUTES_OF_DAY > 0)
        return;
    fprintf(stderr, "bench-store: day %" PRIu64 ", %.1f minutes/s put, %ld MiB\n",
            in->windows / MINUTES_OF_DAY, (double)in->windows / in->put.wall_s, own_kib / 1024);
}

/* As the aggregator's store thread. */
static void put_windows(struct intake *in, const struct ds_store_put *puts, size_t count)
{
    struct begun b = begin();
    await_upkeep(in);
    bool is_done = count > 1 && in->bench->store->ops->put_together(in->bench->store, puts, count);
    for (size_t i = 0; i < count && !is_done; i++)
        put_alone(in, &puts[i]);
    end(b, &in->put);
    for (size_t i = 0; i < count; i++)
        note_window(in, &puts[i]);
}

/* As an aggregator receives it. */
static void keep_message(struct intake *in, uint64_t sequence, const struct ds_window *w)
{
    const struct ds_message sent = {.kind = DS_MESSAGE_WINDOW, .sequence = sequence, .window = *w};
    unsigned char *bytes;
    size_t size;
    const char *why = "out of memory";
    struct ds_message *kept = &in->stock[in->stock_count++];
    check(ds_message_encode(&sent, &bytes, &size) < 0, "message", why);
    check(ds_message_decode(kept, bytes, size, &why) != DS_DECODE_OK, "message", why);
    free(bytes);
}

static int send_message(struct ds_gen_sink *sink, const struct ds_gen_message *m,
                        struct ds_error *err)
{
    struct intake *in = (struct intake *)sink;
    struct ds_window as_received = *m->window, *const w = &as_received;
    (void)err;
    if (in->stock) {
        keep_message(in, m->sequence, w);
        return 0;
    }
    check(ds_sketches_pack(&w->sketches, &w->sketches.packed, &w->sketches.packed_bytes) < 0,
          "pack", "out of memory"); /* the sensor's work, as the next */
    check(ds_source_columns_pack(w->source_records, w->source_record_count, &w->source_columns,
                                 &w->source_columns_bytes) < 0,
          "pack", "out of memory");
    put_windows(in,
                &(struct ds_store_put){.sensor = m->sensor,
                                       .boot = m->boot,
                                       .sequence = m->sequence,
                                       .received_s = w->start_s + w->seconds,
                                       .window = w},
                1);
    free(w->sketches.packed);
    free(w->source_columns);
    return 0;
}

/* Moves it on by the length of all. */
static void move_on(struct ds_message *m, size_t count)
{
    int64_t length_s = (int64_t)count * 60;
    m->sequence += count;
    m->window.start_s += length_s;
    for (size_t i = 0; i < m->window.attack_count; i++) {
        m->window.attacks[i].start_ms += length_s * 1000;
        m->window.attacks[i].last_ms += length_s * 1000;
    }
}

/* Puts all that is kept, as many together as wait of one sensor. */
static void put_stock(struct intake *in)
{
    for (size_t i = 0; i < in->stock_count;) {
        struct ds_store_put puts[WAITING];
        size_t n = 0;
        for (; n < WAITING && i < in->stock_count; n++, i++) {
            const struct ds_message *m = &in->stock[i];
            puts[n] = (struct ds_store_put){.sensor = "repeated",
                                            .boot = 1,
                                            .sequence = m->sequence,
                                            .received_s = m->window.start_s + m->window.seconds,
                                            .window = &m->window};
        }
        put_windows(in, puts, n);
    }
}

static void *tidy_on(void *arg)
{
    struct intake *in = arg;
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    pthread_setname_np(pthread_self(), "upkeep"); /* for perf */
    while (!in->is_over) {
        int64_t now_s = in->now_s;
        if (upkeep(in, now_s) > 0)
            continue;
        in->kept_s = now_s;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static const struct ds_gen_sink_ops intake_ops = {.send = send_message};

struct generation {
    struct ds_gen_run run;
    struct intake *to;
};

static void *generate(void *arg)
{
    struct generation *g = arg;
    struct ds_error err = {0};
    check(ds_gen_run_send(&g->run, &g->to->sink, NULL, &err) < 0, "put", err.text);
    return NULL;
}

/* In a thread, which has memory of its own: the store's would fill the holes in between. */
static void generate_apart(struct generation *g)
{
    pthread_t thread;
    check(pthread_create(&thread, NULL, generate, g) != 0, "thread", "cannot be started");
    pthread_join(thread, NULL);
    ds_gen_run_finish(&g->run);
}

/* All that is due after the last minute; a repack of the month, too. */
static void finish_upkeep(struct intake *in)
{
    int64_t late_s = in->now_s + 2 * 3600;
    for (int i = 0; i < 3; i++, late_s += 3600)
        while (upkeep(in, late_s) == 1)
            ;
}

static void print_intake(const struct intake *in)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    long peak_kib = in->stock ? in->peak_kib : usage.ru_maxrss; /* at ends of hours; of all */
    double n = (double)in->windows;
    printf("| minutes | packets | cells | sources | minutes/s, CPU | wall | put: ms, CPU | wall |"
           " longest | upkeep: ms, CPU | wall | longest | peak MiB |\n"
           "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
           "| %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
           " | %.0f | %.0f | %.2f | %.2f | %.0f | %.2f | %.2f | %.0f | %ld |\n",
           in->windows, in->packets / in->windows, in->cells / in->windows,
           in->sources / in->windows, n / (in->put.cpu_s + in->tidy.cpu_s),
           n / fmax(in->put.wall_s, in->tidy.wall_s), 1e3 * in->put.cpu_s / n,
           1e3 * in->put.wall_s / n, 1e3 * in->put.longest_s, 1e3 * in->tidy.cpu_s / n,
           1e3 * in->tidy.wall_s / n, 1e3 * in->tidy.longest_s, peak_kib / 1024);
}

static void take_in(struct bench *b)
{
    const int64_t start_s = START + (int64_t)(b->done * b->minutes) * 60;
    struct intake in = {.sink = {&intake_ops}, .bench = b, .now_s = start_s, .kept_s = start_s};
    struct ds_gen_plan plan = {.seed = 1, .start_s = START, .window_s = 60};
    struct generation from = {.to = &in};
    struct ds_error err = {0};
    plan.end_s = START + (int64_t)b->minutes * 60;
    plan.sensors = 1;
    plan.addresses_first = plan.addresses_last = 65536;
    plan.packets = (double)b->packets;
    plan.listed = 10000;
    check(ds_gen_run_init(&from.run, &plan, false, &err) < 0, "windows", err.text);
    if (b->repeats > 0) {
        in.stock = calloc(b->minutes, sizeof *in.stock);
        check(!in.stock, "messages", "out of memory");
    }
    check(pthread_create(&in.tidier, NULL, tidy_on, &in) != 0, "thread", "cannot be started");
    generate_apart(&from);
    ds_heap_trim(); /* what the generator left free is not the stock's */
    in.stock_kib = resident_kib();
    for (size_t i = 0; i < b->repeats; i++) {
        if (i >= b->done)
            put_stock(&in);
        for (size_t k = 0; k < in.stock_count; k++)
            move_on(&in.stock[k], in.stock_count);
    }
    in.is_over = true;
    pthread_join(in.tidier, NULL);
    finish_upkeep(&in);
    print_intake(&in);
    for (size_t i = 0; i < in.stock_count; i++)
        ds_message_finish(&in.stock[i]);
    free(in.stock);
}

/* ---- sizes ---- */

static sqlite3 *open_file(const struct bench *b, const char *name)
{
    char path[300];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", b->directory, name);
    check(sqlite3_open(path, &db) != SQLITE_OK, path, "cannot be opened");
    return db;
}

static void print_sizes(const struct bench *b, const char *name, const char *table, bool has_kind)
{
    static const char *const kinds[] = {"by port", "by port and country", "by country"};
    char sql[200];
    sqlite3 *db = open_file(b, name);
    sqlite3_stmt *stmt;
    snprintf(sql, sizeof sql,
             "SELECT %s, count(*), sum(cells), sum(length(data)) FROM %s GROUP BY 1",
             has_kind ? "kind" : "1", table);
    check(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK, name, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW)
        printf("| %s | %s | %s | %lld | %lld | %.2f | %.1f |\n", name, table,
               kinds[sqlite3_column_int(stmt, 0)], sqlite3_column_int64(stmt, 2),
               sqlite3_column_int64(stmt, 1),
               (double)sqlite3_column_int64(stmt, 3) / (double)sqlite3_column_int64(stmt, 2),
               (double)sqlite3_column_int64(stmt, 3) / 1e6);
    sqlite3_finalize(stmt);
    check(sqlite3_prepare_v2(db,
                             "SELECT sum(s.page_count * p.page_size) FROM pragma_page_count AS s,"
                             " pragma_page_size AS p",
                             -1, &stmt, NULL) != SQLITE_OK,
          name, sqlite3_errmsg(db));
    sqlite3_step(stmt);
    printf("| %s | whole file | | | | | %.1f |\n", name,
           (double)sqlite3_column_int64(stmt, 0) / 1e6);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* ---- a year ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        check(1, sql, why);
}

/* The tables of the first day into the file of a month, a day later each time. */
static void write_month(struct bench *b, const char *kind, const char *level, int month,
                        size_t *day)
{
    static const char *const tables[] = {
        "",        "_type",      "_protocol", "_class",          "_country",
        "_device", "_malformed", "_database", "_device_country", "_signature",
        "_chunks", "_sketch",    "_sketches"};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char name[64], sql[1000];
    snprintf(name, sizeof name, "%s-2026-%02d.sqlite", kind, month + 1);
    if (month > 0) { /* a copy has the tables, and rows that go */
        char command[600];
        snprintf(command, sizeof command, "cp %s/%s-2026-01.sqlite %s/%s", b->directory, kind,
                 b->directory, name);
        check(system(command) != 0, command, "failed");
    }
    sqlite3 *db = open_file(b, name);
    snprintf(sql, sizeof sql, "PRAGMA synchronous = OFF; ATTACH '%s/%s-first.sqlite' AS f; BEGIN",
             b->directory, kind);
    run_sql(db, sql);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        snprintf(sql, sizeof sql, "DELETE FROM main.%s%s", level, tables[t]);
        run_sql(db, sql);
    }
    snprintf(sql, sizeof sql,
             "DELETE FROM main.%s_chunk; UPDATE store SET value = strftime('%%s',"
             " '2026-%02d-01') + 0 WHERE key = 'start'",
             level, month + 1);
    run_sql(db, sql);
    for (int d = 0; d < lengths[month] && *day < b->days; d++, (*day)++) {
        for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
            snprintf(
                sql, sizeof sql,
                "CREATE TEMP TABLE t AS SELECT * FROM f.%s%s; UPDATE t SET start = start + %lld;"
                "INSERT INTO main.%s%s SELECT * FROM t; DROP TABLE t",
                level, tables[t], (long long)*day * 86400, level, tables[t]);
            run_sql(db, sql);
        }
        snprintf(sql, sizeof sql,
                 "INSERT INTO main.%s_chunk SELECT NULL, kind, start + %lld, sensor, generation,"
                 " first_key, last_key, cells, data FROM f.%s_chunk WHERE kind <> 1",
                 level, (long long)*day * 86400, level);
        run_sql(db, sql);
    }
    if (strcmp(level, "hour") == 0) /* the times in the rows themselves */
        run_sql(db, "UPDATE hour SET first_start = start, last_start = start + 3540,"
                    " last_end = start + 3600");
    else
        run_sql(db, "UPDATE day SET first_start = start, last_start = start + 86340,"
                    " last_end = start + 86400");
    run_sql(db, "COMMIT");
    sqlite3_close(db);
}

static void make_year(struct bench *b)
{
    static const char *const kinds[] = {"hours", "days"}, *const levels[] = {"hour", "day"};
    char command[700];
    for (size_t k = 0; k < 2; k++) {
        size_t day = 0;
        snprintf(command, sizeof command,
                 "cp %s/%s-2026-01.sqlite %s/%s-first.sqlite && rm -f %s/minutes-*", b->directory,
                 kinds[k], b->directory, kinds[k], b->directory);
        check(system(command) != 0, command, "failed");
        for (int month = 0; month < 12 && day < b->days; month++)
            write_month(b, kinds[k], levels[k], month, &day);
    }
}

/* As the store does it with every day. */
static void sum_months(struct bench *b)
{
    struct ds_error err = {0};
    struct ds_store *store;
    check(ds_store_open(b->directory, DS_STORE_WRITE, &store, &err) < 0, "open", err.text);
    struct sqlite_store *s = sqlite_of(store);
    check(ds_files_list(s, &err) < 0, "list", err.text);
    for (size_t i = 0; i < s->lists[STORE_DAYS].count; i++) {
        struct store_file *f;
        double t = now_s();
        check(ds_file_write(s, STORE_DAYS, s->lists[STORE_DAYS].from_s[i], 0, &f, &err) < 0 ||
                  ds_sqlite_exec(f, "BEGIN", &err) < 0 || ds_roll_month(f, 1, NULL, &err) < 0 ||
                  ds_sqlite_exec(f, "COMMIT", &err) < 0,
              "month", err.text);
        if (i == 0)
            printf("\nThe sums of a month: %.2f s.\n", now_s() - t);
    }
    ds_store_destroy(store);
}

static int count_point(void *arg, const struct ds_point *point)
{
    *(uint64_t *)arg += point->figures.packets;
    return 0;
}

static int count_row(void *arg, const struct ds_top_row *row)
{
    *(uint64_t *)arg += row->figures.packets;
    return 0;
}

typedef void ask_fn(struct bench *b, uint64_t *packets);

static void ask_port(struct bench *b, uint64_t *packets)
{
    struct ds_error err = {0};
    size_t hours = b->days * 24;
    int64_t *edges_s = malloc((hours + 1) * sizeof *edges_s);
    check(!edges_s, "series", "out of memory");
    for (size_t i = 0; i <= hours; i++)
        edges_s[i] = START + (int64_t)i * 3600;
    const struct ds_buckets buckets = {edges_s, hours, NULL};
    const struct ds_filter filter = {
        .has_class = true, .has_proto = true, .has_port = true, .proto = DS_PROTO_TCP, .port = 23};
    check(b->store->ops->series(b->store, &buckets, &filter, count_point, packets, &err) != 0,
          "series", err.text);
    free(edges_s);
}

static void ask_top(struct bench *b, int64_t from_s, int64_t to_s, uint64_t limit,
                    uint64_t *packets)
{
    struct ds_error err = {0};
    const struct ds_filter filter = {0};
    struct ds_figures total;
    const struct ds_top top = {.range = {from_s, to_s, NULL}, .filter = &filter, .limit = limit};
    check(b->store->ops->top(b->store, &top, count_row, packets, &total, &err) != 0, "top",
          err.text);
}

static void ask_top_year(struct bench *b, uint64_t *packets)
{
    ask_top(b, START, START + (int64_t)b->days * DAY, 20, packets);
}

static void ask_top_tokyo(struct bench *b, uint64_t *packets)
{
    ask_top(b, START + 15 * 3600, START + 15 * 3600 + DAY, 20, packets);
}

static void ask_totals(struct bench *b, uint64_t *packets)
{
    struct ds_error err = {0};
    struct ds_totals totals;
    const struct ds_range range = {START, START + (int64_t)b->days * DAY, NULL};
    check(b->store->ops->totals(b->store, &range, &totals, &err) != 0, "totals", err.text);
    *packets += totals.sum.books[DS_BOOK_COUNTED];
}

static void time_question(struct bench *b, const char *what, ask_fn *ask)
{
    double wall_s[ROUNDS], cpu_s[ROUNDS];
    uint64_t packets = 0;
    ask(b, &packets); /* warm */
    check(packets == 0, what, "no packets");
    for (size_t i = 0; i < ROUNDS; i++) {
        struct spent spent = {0};
        struct begun begun = begin();
        ask(b, &packets);
        end(begun, &spent);
        wall_s[i] = spent.wall_s;
        cpu_s[i] = spent.cpu_s;
    }
    printf("| %s | %.1f | %.1f |\n", what, ds_bench_median(cpu_s, ROUNDS) * 1e3,
           ds_bench_median(wall_s, ROUNDS) * 1e3);
}

static void read_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {{"minutes", 1, 0, 'm'},
                                            {"repeat", 1, 0, 'r'},
                                            {"done", 1, 0, 'k'},
                                            {"packets", 1, 0, 'p'},
                                            {"directory", 1, 0, 'd'},
                                            {"days", 1, 0, 'y'},
                                            {"in-only", 0, 0, 'i'},
                                            {"year-only", 0, 0, 'o'},
                                            {"ask-only", 0, 0, 'a'},
                                            {"sum-only", 0, 0, 's'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'm':
            b->minutes = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            b->repeats = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            b->done = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            b->packets = strtoul(optarg, NULL, 10);
            break;
        case 'y':
            b->days = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            snprintf(b->directory, sizeof b->directory, "%s", optarg);
            break;
        case 'i':
            b->is_in_only = true;
            break;
        case 'o':
            b->is_year_only = true;
            break;
        case 'a':
            b->is_ask_only = true;
            break;
        case 's':
            b->is_sum_only = true;
            break;
        default:
            exit(2);
        }
}

static void ask_year(struct bench *b)
{
    struct ds_error err = {0};
    if (!b->is_ask_only) {
        printf("\n| file | table | cells | number | chunks | bytes a cell | MB |\n"
               "|---|---|---|---|---|---|---|\n");
        print_sizes(b, "minutes-2026-01-01.sqlite", "minute_chunk", false);
        print_sizes(b, "minutes-2026-01-01.sqlite", "hour_chunk", true);
        print_sizes(b, "hours-2026-01.sqlite", "hour_chunk", true);
        print_sizes(b, "days-2026-01.sqlite", "day_chunk", true);
        make_year(b);
    }
    sum_months(b);
    check(ds_store_open(b->directory, DS_STORE_READ, &b->store, &err) < 0, "open", err.text);
    printf("\n| question to %zu days, warm | ms, CPU | wall |\n|---|---|---|\n", b->days);
    time_question(b, "one port, by hour", ask_port);
    time_question(b, "20 ports with most packets", ask_top_year);
    time_question(b, "20 ports of a day in Tokyo", ask_top_tokyo);
    time_question(b, "sums of everything", ask_totals);
    ds_store_destroy(b->store);
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    struct ds_error err = {0};
    check(!b, "start", "out of memory");
    ds_heap_set_up();
    b->minutes = 1440;
    b->packets = 300000;
    b->days = 365;
    strcpy(b->directory, "/tmp/bench-store-XXXXXX");
    read_options(b, argc, argv);
    check(b->repeats > 0 && b->done >= b->repeats, "--done", "all that --repeat asks for");
    check(strstr(b->directory, "XXXXXX") && !mkdtemp(b->directory), b->directory, "cannot be made");
    setlinebuf(stdout);
    if (b->is_sum_only) {
        sum_months(b);
        free(b);
        return 0;
    }
    if (!b->is_ask_only && !b->is_year_only) {
        check(ds_store_open(b->directory, DS_STORE_WRITE, &b->store, &err) < 0, "open", err.text);
        take_in(b);
        ds_store_destroy(b->store);
    }
    if (!b->is_in_only)
        ask_year(b);
    fprintf(stderr, "bench-store: the store is left in %s\n", b->directory);
    free(b);
    return 0;
}
