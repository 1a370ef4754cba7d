/* SPDX-License-Identifier: Apache-2.0 */
#include "volume.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 4096
#define AHEAD     16 /* records: so early a slot is fetched */

/* Its address is its place in the table. */
struct sender {
    uint64_t packets; /* 0: the slot is free */
    uint32_t address;
    uint32_t ports; /* the most in one window */
    uint8_t classes;
    bool is_survey, is_malware;
};

/* Open addressing, at most half full. The key is random: strangers choose the addresses. */
struct senders {
    struct sender *slots;
    size_t mask, used;
    uint64_t key;       /* odd */
    uint64_t addresses; /* monitored ones, the most of a window */
};

static size_t place_of(const struct senders *t, uint32_t address)
{
    return (address * t->key) >> 32 & t->mask;
}

static struct sender *find(const struct senders *t, uint32_t address)
{
    size_t at = place_of(t, address);
    while (t->slots[at].packets && t->slots[at].address != address)
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

static bool grow(struct senders *t)
{
    struct senders larger = *t;
    size_t slots = t->slots ? (t->mask + 1) * 2 : SLOTS_MIN;
    larger.slots = calloc(slots, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    larger.mask = slots - 1;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].packets)
            *find(&larger, t->slots[i].address) = t->slots[i];
    free(t->slots);
    *t = larger;
    return true;
}

/* The bits of marks that are a malware's. */
static uint32_t malware_of(const struct ds_window *w)
{
    static const uint8_t malware[] = {DS_SIGNATURE_MIRAI, DS_SIGNATURE_HAJIME,
                                      DS_SIGNATURE_ADB_MINER, DS_SIGNATURE_SATORI};
    uint32_t bits = 0;
    for (unsigned i = 0; i < w->mark_count; i++)
        for (size_t k = 0; k < sizeof malware; k++)
            if (strcmp(w->marks[i], ds_signature_name(malware[k])) == 0)
                bits |= UINT32_C(1) << i;
    return bits;
}

static int add_window(struct senders *t, const struct ds_window *w, struct ds_error *err)
{
    const uint32_t malware = malware_of(w);
    for (size_t i = 0; i < w->source_record_count; i++) {
        const struct ds_source_record *r = &w->source_records[i];
        if (t->used * 2 >= (t->slots ? t->mask + 1 : 0) && !grow(t))
            return ds_error(err, DS_FAILURE, "out of memory");
        if (i + AHEAD < w->source_record_count) /* the table is far larger than a cache */
            __builtin_prefetch(&t->slots[place_of(t, r[AHEAD].address)]);
        struct sender *s = find(t, r->address);
        if (s->packets == 0 && t->used == VOLUME_SOURCES_MAX)
            continue;
        t->used += s->packets == 0;
        s->address = r->address;
        s->packets += r->packets;
        s->ports = r->ports > s->ports ? r->ports : s->ports;
        s->classes |= r->classes;
        s->is_survey = s->is_survey || r->survey != DS_SURVEY_NO;
        s->is_malware = s->is_malware || (r->confirmed & malware);
    }
    return 0;
}

static int read_windows(struct senders *t, struct store_file *f, int64_t day_s, int64_t sensor,
                        struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(
        f,
        "SELECT format, marks, records, addresses FROM minutes.window_sources JOIN minutes.window"
        " USING (start, sensor) WHERE start >= ?1 AND start < ?1 + 86400 AND sensor = ?2",
        err);
    int row;
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, day_s);
    sqlite3_bind_int64(stmt, 2, sensor);
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct ds_window w;
        uint64_t addresses = ds_sqlite_u64(stmt, 3);
        ds_window_init(&w);
        row = ds_sqlite_read_sources(f, stmt, 0, &w, err);
        if (row == 0)
            row = add_window(t, &w, err);
        t->addresses = addresses > t->addresses ? addresses : t->addresses;
        ds_window_finish(&w);
        if (row < 0)
            break;
    }
    sqlite3_finalize(stmt);
    return row;
}

static enum ds_volume group_of(const struct sender *s)
{
    if (s->is_malware)
        return DS_VOLUME_MALWARE;
    if (s->is_survey)
        return DS_VOLUME_SURVEY;
    return s->classes == 1u << DS_CLASS_BACKSCATTER ? DS_VOLUME_BACKSCATTER : DS_VOLUME_OTHER;
}

static int write_groups(struct store_file *f, const struct senders *t,
                        const int64_t which[static 3], struct ds_error *err)
{
    struct group_sum {
        int64_t hosts, packets, ports;
    } groups[DS_VOLUME_COUNT] = {0};
    for (size_t i = 0; t->slots && i <= t->mask; i++) {
        const struct sender *s = &t->slots[i];
        if (s->packets == 0 || s->packets < t->addresses)
            continue;
        struct group_sum *g = &groups[group_of(s)];
        g->hosts++;
        g->packets += (int64_t)s->packets;
        g->ports += s->ports;
    }
    for (int i = 0; i < DS_VOLUME_COUNT; i++) {
        const int64_t values[] = {which[0],        which[1],          which[2],       i,
                                  groups[i].hosts, groups[i].packets, groups[i].ports};
        if (ds_sqlite_exec_with(f, "INSERT INTO main.day_volume VALUES (?,?,?,?,?,?,?)", values, 7,
                                err) < 0)
            return -1;
    }
    return 0;
}

static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS main.day_volume ( -- hosts with a packet per monitored address\n"
    "  start INTEGER, sensor INTEGER, generation INTEGER,\n"
    "  kind INTEGER, -- 0 malware, 1 survey scanners, 2 backscatter alone, 3 others\n"
    "  hosts INTEGER NOT NULL, packets INTEGER NOT NULL,\n"
    "  ports INTEGER NOT NULL, -- the sum over hosts of the most in one window\n"
    "  PRIMARY KEY (start, sensor, generation, kind)) WITHOUT ROWID";

int ds_roll_volume_day(struct store_file *days, int64_t day_s, int64_t sensor, int64_t generation,
                       struct ds_error *err)
{
    const int64_t which[] = {day_s, sensor, generation};
    struct senders t = {0};
    sqlite3_randomness(sizeof t.key, &t.key);
    t.key |= 1;
    int result = ds_sqlite_exec(days, table_sql, err);
    if (result == 0)
        result = ds_sqlite_exec_with(days,
                                     "DELETE FROM main.day_volume WHERE start = ? AND sensor = ?"
                                     " AND generation = ?",
                                     which, 3, err);
    if (result == 0)
        result = read_windows(&t, days, day_s, sensor, err);
    if (result == 0 && t.used > 0 && t.addresses > 0)
        result = write_groups(days, &t, which, err);
    free(t.slots);
    return result;
}

/* ---- reading ---- */

/* Of a day that came in two generations, the one that has more. */
static const char rows_sql[] =
    "SELECT start, kind, hosts, max(packets), ports FROM day_volume WHERE start >= ?1 AND"
    " start < ?2 GROUP BY start, sensor, kind ORDER BY start, sensor, kind";

static int read_file(struct store_file *f, const struct ds_range *range, ds_volume_fn *each,
                     void *arg, struct ds_error *err)
{
    int64_t is_there = 0;
    if (ds_sqlite_number(f, "SELECT 1 FROM sqlite_master WHERE name = 'day_volume'", NULL, 0,
                         &is_there, err) < 0)
        return -1;
    sqlite3_stmt *stmt = is_there ? ds_sqlite_prepare(f, rows_sql, err) : NULL;
    int result;
    if (!stmt)
        return is_there ? -1 : 0;
    sqlite3_bind_int64(stmt, 1, range->from_s);
    sqlite3_bind_int64(stmt, 2, range->to_s);
    while ((result = ds_sqlite_step(f, stmt, err)) == 1) {
        const struct ds_volume_row row = {.day_s = sqlite3_column_int64(stmt, 0),
                                          .group = (enum ds_volume)sqlite3_column_int(stmt, 1),
                                          .hosts = ds_sqlite_u64(stmt, 2),
                                          .packets = ds_sqlite_u64(stmt, 3),
                                          .ports = ds_sqlite_u64(stmt, 4)};
        result = row.group < DS_VOLUME_COUNT ? each(arg, &row) : 0;
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}

int ds_sqlite_volumes(struct ds_store *store, const struct ds_range *range, ds_volume_fn *each,
                      void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    int result = ds_files_list(s, err);
    const struct store_list *list = &s->lists[STORE_DAYS];
    for (size_t i = 0; i < list->count && result == 0; i++) {
        struct store_file *f;
        if (list->from_s[i] >= range->to_s ||
            ds_period_end(STORE_DAYS, list->from_s[i]) <= range->from_s)
            continue;
        int there = ds_file_use(s, STORE_DAYS, list->from_s[i], &f, err);
        result = there < 0 ? -1 : there > 0 ? 0 : read_file(f, range, each, arg, err);
    }
    ds_files_release(s);
    return result;
}
