/* SPDX-License-Identifier: Apache-2.0
 *
 * Where windows are kept and figures come from: one table of operations, one implementation a
 * directory entry of aggregator/store/. docs/storage.md describes what lies on disk.
 *
 * What a store promises
 * - A window is committed whole or not at all, together with the (sensor, boot, sequence) of its
 *   message; the same message again is recognised and changes nothing. After put() returned
 *   DS_PUT_COMMITTED or DS_PUT_DUPLICATE the window survives a crash: only then may it be
 *   acknowledged.
 * - A second message for the same sensor and start (a sensor restarted inside the window, or its
 *   window length changed) is added to the first as merge.h says; its unique counts are then lower
 *   bounds and say so.
 * - A window belongs to the period in which it starts.
 * - Unique sources never add. Over several windows or sensors they are unknown; what is known is
 *   the peak: the largest count in one window of one sensor.
 *
 * Threads: a handle is used by one thread at a time; open one handle a thread. But on a writer one
 * thread may put while another tidies: a put waits for a piece of upkeep only while that commits.
 * At most one writer is open at a time (another gets an error); readers never wait for it.
 */
#ifndef DARKSCOPE_STORE_H
#define DARKSCOPE_STORE_H

#include "darkscope/error.h"
#include "darkscope/window.h"

#define DS_STORE_FILE "darkscope.sqlite" /* inside the store's directory */

/* A window with a figure above this is refused: 625 Gbit/s for an hour in bytes. Sums of 32,768
 * such windows still fit 63 bits; a larger sum is reported as an error, never wrapped. */
#define DS_STORE_FIGURE_MAX ((uint64_t)1 << 48)
#define DS_STORE_TIME_MAX   INT64_C(253402300800) /* start_s below 10000-01-01 */
#define DS_STORE_DBS_MAX    8                     /* country databases named by a summary */

struct ds_store;

/* ---- what is asked for ---- */

/* Windows with from_s <= start_s < to_s, UTC. */
struct ds_range {
    int64_t from_s, to_s;
    const char *sensor; /* borrowed; NULL: all of them together */
};

/* Stretches of time side by side: bucket i is edges_s[i] <= start_s < edges_s[i + 1], UTC. Any
 * lengths: hours, days of a time zone with their 23 and 25 hours. */
struct ds_buckets {
    const int64_t *edges_s; /* borrowed; count + 1 of them, each above the one before and a multiple
                               of the grid of the sensors asked for */
    size_t count;           /* at least 1 */
    const char *sensor;     /* borrowed; NULL: all of them together */
};

/* Packets of survey scanners are known by cell, so a part of them has packets and no other figure.
 */
enum ds_survey_part {
    DS_SURVEY_PART_ALL,
    DS_SURVEY_PART_WITHOUT, /* all but those of survey scanners */
    DS_SURVEY_PART_ONLY,
    DS_SURVEY_PART_COUNT
};

enum ds_infected { DS_INFECTED_NO, DS_INFECTED_SEEN, DS_INFECTED_CONFIRMED };

/* Which packets. Each part is asked for where its has_ flag is set; all parts must fit. type and
 * signature stand alone: no other part may be set beside them (they are not part of a cell),
 * nor survey.
 * has_port needs has_proto. */
struct ds_filter {
    bool has_class, has_proto, has_port, has_country, has_type, has_signature;
    enum ds_survey_part survey;
    uint8_t cls;   /* enum ds_class */
    uint8_t proto; /* IP protocol of the service */
    uint8_t type;  /* enum ds_type */
    uint16_t port;
    ds_country country;
    char signature[DS_SIGNATURE_ID_MAX + 1];
    /* Only for series, and with no other part than country and, beside it, a signature: how many
     * infected hosts there were, seen or confirmed (docs/statistics.md). Only sources are kept of
     * them; packets are 0. */
    enum ds_infected infected;
    bool without_sources; /* need not be estimated: that takes most of the time */
    bool with_active;     /* only for series: active addresses of the whole bucket are wanted */
    bool takes_floors;    /* only for top: figures by port and country may lack small cells */
};

/* ---- what is answered ---- */

/* Figures of some packets over some windows. */
struct ds_figures {
    uint64_t packets;
    uint64_t bytes;
    uint64_t survey_packets;
    uint64_t sources;      /* unique sources, where sources_exact or sources_estimated */
    uint64_t sources_peak; /* the largest count in one window, sensor (and class of a port) */
    double sources_error;  /* relative standard error of the estimate */
    bool has_bytes;        /* false: not kept for this kind (types, protocols, signatures) */
    bool has_survey;       /* only for figures that come from cells */
    bool has_sources;      /* false: not counted for this combination in any window; they may be
                              estimated         all the same */
    bool is_floor;         /* packets and bytes are at least so many: hours and days do not keep all
                              cells of a port and country (docs/storage.md) */
    bool sources_exact;    /* they came in one window of one sensor, whose tables sufficed */
    bool sources_estimated; /* from sketches of all windows; never together with sources_exact */
};

/* Which figures are kept for a filter: only the has_ flags are set. Pure; the same in every store.
 */
struct ds_figures ds_store_kept(const struct ds_filter *filter);

/* Whether unique sources of a filter may be estimated, even where has_sources is false. Pure. */
bool ds_store_estimates(const struct ds_filter *filter);

/* Active addresses of several windows. At least the most of one window, where that is all that is
 * known, or was asked for; the weakest of all sensors is told. */
enum ds_active { DS_ACTIVE_AT_LEAST, DS_ACTIVE_ESTIMATED, DS_ACTIVE_EXACT };

/* A point of a series: the windows that start in a bucket. Buckets without any window are not
 * reported; one with windows and no such packet has figures 0. */
struct ds_point {
    size_t bucket;        /* its index */
    int64_t start_s;      /* its first edge */
    uint64_t windows;     /* of all sensors asked for */
    uint64_t observed_ns; /* summed over sensors */
    /* Summed over sensors, which watch different addresses: of each the most in one of these
     * windows, and those that got a packet in the bucket. */
    bool addresses_known; /* by every sensor */
    uint64_t addresses, active_addresses;
    enum ds_active active_certainty;
    double active_error; /* relative standard error, where they are estimated */
    struct ds_figures figures;
};

/* What a top table has a row for. */
enum ds_by {
    DS_BY_PORT, /* (class, protocol, port), as in the JSON of a window */
    DS_BY_COUNTRY,
    DS_BY_TYPE,
    DS_BY_CLASS,
    DS_BY_PROTOCOL, /* the packet's own IP protocol */
    DS_BY_DEVICE,   /* of the packets' sources */
    DS_BY_SIGNATURE,
    DS_BY_COUNT
};

/* What the rows are sorted by, the most first. Unique sources, where they are known; else their
 * peak, which is a lower bound. They are estimated of the rows with the largest peaks: others
 * stand behind these. */
enum ds_order { DS_ORDER_PACKETS, DS_ORDER_SOURCES, DS_ORDER_COUNT };

struct ds_top {
    struct ds_range range;
    /* Borrowed; types, protocols and signatures take none, devices only a country. */
    const struct ds_filter *filter;
    enum ds_by by;
    uint64_t limit; /* rows */
    enum ds_order order;
    uint64_t estimated; /* sources are estimated of so many rows at most; 0: 256 */
};

/* ds_store_estimates of the rows of a top table. */
bool ds_store_estimates_rows(enum ds_by by, const struct ds_filter *filter);

struct ds_top_row {
    /* port: cls, proto, port; class: cls; protocol: proto; type: type; device: device */
    uint8_t cls, proto, type, device;
    uint16_t port;
    ds_country country;
    char signature[DS_SIGNATURE_ID_MAX + 1];
    struct ds_figures figures;
};

/* A table for each of several times, as top has it: rows by packets. */
struct ds_tables {
    const struct ds_buckets *buckets; /* borrowed; not before 1970 */
    const struct ds_filter *filter;   /* borrowed; as that of ds_top */
    enum ds_by by;
    bool with_countries; /* by port: a row for each port and country. What is known of a port by no
                            country is a row of country ** */
    uint64_t limit;      /* rows of a bucket */
    size_t room; /* rows of several buckets that are held together; 0: 2 million, 128 MB. Of one
                    bucket four times as many */
};

/* Sums over a range. */
struct ds_totals {
    uint64_t windows;       /* window rows: windows of each sensor */
    uint64_t sensors;       /* with a window in the range */
    int64_t first_s;        /* start of the first window */
    int64_t end_s;          /* end of the last */
    uint64_t observed_ns;   /* summed over sensors */
    uint64_t split;         /* windows that came in several parts */
    bool sources_exact;     /* one window of one sensor: sum.sources and the classes' are exact */
    bool sources_estimated; /* then the next two are known */
    struct ds_estimate sources, classes[DS_CLASS_COUNT];
    struct ds_window sum; /* no cells, countries, devices, signatures. All of it adds but: sources
                             are peaks; addresses are the largest of each sensor, summed over
                             sensors; active_addresses and destinations are not set */
    size_t country_db_count;
    char country_dbs[DS_STORE_DBS_MAX][DS_DATABASE_MAX + 1]; /* the first few, sorted */
};

/* Hosts with at least a packet per monitored address on a day of UTC, by the records of sources
 * that windows listed: a lower bound. A host is of the first group that it fits. */
enum ds_volume {
    DS_VOLUME_MALWARE, /* confirmed by a built-in mark */
    DS_VOLUME_SURVEY,
    DS_VOLUME_BACKSCATTER, /* nothing else */
    DS_VOLUME_OTHER,
    DS_VOLUME_COUNT
};

/* Of a day, sensor and group; all groups of a day that is known. */
struct ds_volume_row {
    int64_t day_s;
    enum ds_volume group;
    uint64_t hosts, packets;
    uint64_t ports; /* the sum over hosts of the most in one window */
};

/* A sensor, over the whole life of the store. */
struct ds_sensor_row {
    char name[DS_NAME_MAX + 1];
    int64_t first_s;         /* start of its first window */
    int64_t end_s;           /* end of its last */
    int64_t last_received_s; /* when the latest message came, by the aggregator's clock */
    uint64_t windows;
    uint64_t observed_ns;
    uint64_t received, counted; /* packets */
    uint64_t dropped;           /* by kernel, interface and ring */
    uint32_t grid_s; /* every window starts and ends on a multiple of this (the least common
                        multiple of its window lengths): steps are multiples of it */
};

/* An attack over a period, as one sensor sees it. */
struct ds_attack_row {
    char sensor[DS_NAME_MAX + 1];
    struct ds_attack attack; /* as of its last window; but ports, attack_ports and addresses are the
                                most in one window, port and the window's figures of the period */
    uint64_t windows;        /* of the period that saw it */
};

/* Which ports (class, protocol, port) or signatures are asked for, over the store's life. */
struct ds_seen {
    /* First seen in this time, whatever of it is still stored; by the sensor, if one is named. */
    struct ds_range range;
    const struct ds_filter *filter; /* borrowed; of class, proto and port, or of signature */
    enum ds_by by;                  /* DS_BY_PORT or DS_BY_SIGNATURE */
    uint64_t limit;                 /* rows */
};

struct ds_seen_row {
    uint8_t cls, proto; /* of a port */
    uint16_t port;
    char signature[DS_SIGNATURE_ID_MAX + 1];
    int64_t first_s, last_s; /* starts of the first and the last window with such a packet */
};

/* How a loaded window came about. */
struct ds_origin {
    uint64_t sensors;
    uint64_t parts;     /* messages */
    bool sources_exact; /* one message of one sensor: unique counts are exact where its overflow
                           is 0; otherwise they are lower bounds (merge.h) */
};

/* Callbacks get borrowed rows, valid during the call, in the thread that asked. They must not use
 * the store. Any return but 0 ends the walk, and the operation returns it. */
typedef int ds_point_fn(void *arg, const struct ds_point *point);
typedef int ds_top_fn(void *arg, const struct ds_top_row *row);
typedef int ds_table_fn(void *arg, size_t bucket, uint64_t rank, const struct ds_top_row *row);
typedef int ds_sensor_fn(void *arg, const struct ds_sensor_row *row);
typedef int ds_attack_fn(void *arg, const struct ds_attack_row *row);
typedef int ds_volume_fn(void *arg, const struct ds_volume_row *row);
typedef int ds_seen_fn(void *arg, const struct ds_seen_row *row);
/* window has all scalar figures and no tables (cells, countries, signatures, attacks), but its
 * source records where they were asked for. */
typedef int ds_window_fn(void *arg, const char *sensor, const struct ds_window *window,
                         const struct ds_origin *origin);

/* ---- operations ---- */

struct ds_store_put {
    const char *sensor; /* its name, as in limits.h */
    uint64_t boot;
    uint64_t sequence;
    int64_t received_s; /* the aggregator's clock, UTC */
    const struct ds_window *window;
};

enum ds_put {
    DS_PUT_COMMITTED = 0,
    DS_PUT_DUPLICATE = 1, /* this message was committed before; nothing changed */
    DS_PUT_REFUSED = 2,   /* this window can never be stored (err says why); nothing changed */
};

/* Messages committed at once: the store is held for all of them. */
#define DS_PUT_TOGETHER_MAX 16

/* How long is kept what a store has, after its time and after it was received; in seconds. */
struct ds_retention {
    int64_t minutes_s, hours_s, days_s; /* DS_KEEP_FOR_EVER, or at least a day */
};

#define DS_KEEP_FOR_EVER  INT64_MAX
#define DS_KEEP_MINUTES_S (7 * INT64_C(86400))
#define DS_KEEP_HOURS_S   (400 * INT64_C(86400))

/* All return 0, a positive condition where named, or -1 with err filled (disk full, corrupt, ...;
 * put may be tried again with the same message). */
struct ds_store_ops {
    /* Commits one message: enum ds_put, or -1. Only on a writer. */
    int (*put)(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err);

    /* Commits several messages at once, so that they wait for the disk but once; only on a writer.
     * False: nothing changed, since they are of several days, more than DS_PUT_TOGETHER_MAX, or one
     * of them would not be committed; put says of each what and why. */
    bool (*put_together)(struct ds_store *store, const struct ds_store_put *puts, size_t count);

    /* Walks the points in order of time. */
    int (*series)(struct ds_store *store, const struct ds_buckets *buckets,
                  const struct ds_filter *filter, ds_point_fn *each, void *arg,
                  struct ds_error *err);

    /* Walks the rows with most packets or sources (ties by packets, then key), then sets *total to
     * the figures of all rows, so that what is not shown is total minus shown. Only packets, bytes
     * and survey of total are set; for signatures, which overlap, it is that of all counted
     * packets. */
    int (*top)(struct ds_store *store, const struct ds_top *top, ds_top_fn *each, void *arg,
               struct ds_figures *total, struct ds_error *err);

    /* Walks the rows of each bucket by rank, bucket by bucket in order of time. Sources are
     * estimated of the 256 rows of a bucket with most packets, where it is an hour or longer.
     * Memory does not grow with the number of buckets; one that has more rows than there is room
     * for is DS_DATABASE. */
    int (*tables)(struct ds_store *store, const struct ds_tables *tables, ds_table_fn *each,
                  void *arg, struct ds_error *err);

    /* Sums over a range; all 0 where there is no window. */
    int (*totals)(struct ds_store *store, const struct ds_range *range, struct ds_totals *out,
                  struct ds_error *err);

    /* Walks the sensors by name. Cheap: reads a catalogue. */
    int (*sensors)(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err);

    /* Walks up to limit windows by start, then sensor's name; with_sources: with their source
     * records. */
    int (*windows)(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                   bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err);

    /* Walks up to limit attacks that a window saw, those with most packets first (ties by victim).
     * The filter may name a country, the victim's. */
    int (*attacks)(struct ds_store *store, const struct ds_range *range,
                   const struct ds_filter *filter, uint64_t limit, ds_attack_fn *each, void *arg,
                   struct ds_error *err);

    /* Walks the groups of hosts with most packets, of days in the range that are summed up, of all
     * sensors, by day. */
    int (*volumes)(struct ds_store *store, const struct ds_range *range, ds_volume_fn *each,
                   void *arg, struct ds_error *err);

    /* Walks when ports or signatures were first and last seen, the earliest first (ties by key).
     * What retention has removed counts, too. */
    int (*first_seen)(struct ds_store *store, const struct ds_seen *seen, ds_seen_fn *each,
                      void *arg, struct ds_error *err);

    /* Reads the window that starts at start_s, of one sensor or (NULL) of all merged into one.
     * On 0 the caller finishes *out. 1 where there is none (out is empty). */
    int (*load)(struct ds_store *store, int64_t start_s, const char *sensor, struct ds_window *out,
                struct ds_origin *origin, struct ds_error *err);

    /* Does one piece of upkeep, after which all answers are what they were, but for what is deleted
     * by keep: sums up windows that are complete, packs, deletes. Only on a writer; takes up to
     * some seconds. now_s: the time. 1: call again, there may be more; 0: nothing to do. */
    int (*tidy)(struct ds_store *store, const struct ds_retention *keep, int64_t now_s,
                struct ds_error *err);

    /* Closes and frees. Accepts NULL only through ds_store_destroy. */
    void (*destroy)(struct ds_store *store);
};

/* First member of every implementation. */
struct ds_store {
    const struct ds_store_ops *ops;
    /* Asked again and again while an operation runs, in its thread: true ends it with an error. Who
     * uses the handle sets both between operations; NULL: whatever it takes. */
    bool (*is_enough)(void *arg);
    void *is_enough_arg;
};

enum ds_store_mode {
    DS_STORE_READ,  /* the store must exist; nothing is written */
    DS_STORE_WRITE, /* created where there is none (the directory's parent must exist) */
};

/* Opens the SQLite store in directory. 0 and *out, which the caller destroys; or -1 with err:
 * DS_DATABASE where it is missing (READ), corrupt, of another version or not a darkscope store
 * (nothing is overwritten), or already has a writer; DS_PERMISSION where not allowed. */
int ds_store_open(const char *directory, enum ds_store_mode mode, struct ds_store **out,
                  struct ds_error *err);

/* Accepts NULL. */
static inline void ds_store_destroy(struct ds_store *store)
{
    if (store)
        store->ops->destroy(store);
}

#endif
