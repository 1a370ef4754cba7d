/* SPDX-License-Identifier: Apache-2.0
 *
 * What every table and column of an export is: the one description of them.
 */
#include "export_row.h"

#include <stdio.h>
#include <string.h>

#define UNWATCHED  "nobody watched"
#define NOT_KEPT   "not kept for this question, or nobody watched"
#define UNKNOWN    "not known, or nobody watched"
#define NOT_ASKED  "not asked for: all of them"
#define BOOK(text) "packets", DS_EXPORT_COUNT, DS_EXPORT_EXACT, text, UNWATCHED
#define OVERFLOW(text)                                                                             \
    "packets", DS_EXPORT_COUNT, DS_EXPORT_EXACT, "packets that found no room in a table; " text,   \
        UNWATCHED
#define TEXT  "", DS_EXPORT_TEXT, DS_EXPORT_EXACT
#define COUNT DS_EXPORT_COUNT, DS_EXPORT_EXACT
#define TIME  "", DS_EXPORT_TIME, DS_EXPORT_EXACT
#define ERROR "", DS_EXPORT_REAL, DS_EXPORT_EXACT

#define KIND(of) TEXT, "how " of " are known: exact or estimated", "they are not known"
#define ERRORS(of)                                                                                 \
    ERROR, "relative standard error of " of ": 0 where they are exact", "they are not known"

static const struct ds_export_column columns[C_COUNT] = {
    [C_START] = {"start", TIME, "begin of the step; a window belongs to the one it starts in",
                 NULL},
    [C_END] = {"end", TIME, "end of the step, no longer part of it", NULL},
    [C_LENGTH] = {"length", "seconds", COUNT, "length of the window", NULL},
    [C_SENSOR] = {"sensor", TEXT, "name of the sensor", NULL},
    [C_RANK] = {"rank", "", COUNT, "place by packets in the step; ties by key", NULL},
    [C_CLASS] = {"class", TEXT, "why the packets came: scan, backscatter, other", NULL},
    [C_PROTO] = {"proto", TEXT, "IP protocol: of the service beside a port, else the packets' own",
                 NULL},
    [C_PORT] =
        {"port", "", COUNT,
         "service port: of scans the destination, of backscatter the one that was attacked; of "
         "ICMP type * 256 + code",
         NULL},
    [C_COUNTRY] = {"country", TEXT,
                   "country of the sources, ISO 3166-1; ?? unknown; ** what of a port is not kept "
                   "by country",
                   NULL},
    [C_TYPE] = {"type", TEXT, "type of the packets: tcp_syn, udp, ...", NULL},
    [C_DEVICE] = {"device", TEXT, "class of device of the packets' sources", NULL},
    [C_SIGNATURE] =
        {"signature", TEXT,
         "mark of the program that sent the packets; a packet may have several; ** those "
         "that find no room",
         NULL},
    [C_FILTER_CLASS] = {"class", TEXT, "class of the packets", NOT_ASKED},
    [C_FILTER_PROTO] = {"proto", TEXT, "IP protocol of the service", NOT_ASKED},
    [C_FILTER_PORT] = {"port", "", COUNT, "service port; of ICMP type * 256 + code", NOT_ASKED},
    [C_FILTER_COUNTRY] = {"country", TEXT, "country of the sources, ISO 3166-1; ?? unknown",
                          NOT_ASKED},
    [C_FILTER_TYPE] = {"type", TEXT, "type of the packets", NOT_ASKED},
    [C_FILTER_SIGNATURE] = {"signature", TEXT, "mark of the packets", NOT_ASKED},
    [C_SURVEY_PART] = {"survey", TEXT,
                       "packets of survey scanners: all (with them), no (without), only", NULL},
    [C_REASON] = {"reason", TEXT, "why the packets could not be counted", NULL},
    [C_PACKETS] = {"packets", "packets", DS_EXPORT_COUNT, DS_EXPORT_IF_FLOOR, "counted packets",
                   UNWATCHED},
    [C_PACKETS_EXACT] = {"packets", "packets", COUNT, "such packets", UNWATCHED},
    [C_SHARE] = {"share", "", DS_EXPORT_REAL, DS_EXPORT_EXACT,
                 "packets by all packets of the step that fit the filters, 0 to 1", UNWATCHED},
    [C_FLOOR] = {"floor", "", DS_EXPORT_FLAG, DS_EXPORT_EXACT,
                 "true where packets and bytes are at least so many: of hours and days, cells by "
                 "port and country are kept from 5 and 20 packets on",
                 UNWATCHED},
    [C_BYTES] = {"bytes", "bytes", DS_EXPORT_COUNT, DS_EXPORT_IF_FLOOR,
                 "IP total lengths of the packets", NOT_KEPT},
    [C_SURVEY_PACKETS] = {"survey_packets", "packets", DS_EXPORT_COUNT, DS_EXPORT_IF_FLOOR,
                          "of the packets, those of known survey scanners", NOT_KEPT},
    [C_SOURCES] = {"sources", "hosts", DS_EXPORT_COUNT, DS_EXPORT_STATED,
                   "unique source addresses; they never add up over rows", UNKNOWN},
    [C_SOURCES_KIND] = {"sources_kind", KIND("sources")},
    [C_SOURCES_ERROR] = {"sources_error", ERRORS("sources")},
    [C_SOURCES_PEAK] = {"sources_peak", "hosts", DS_EXPORT_COUNT, DS_EXPORT_EXACT,
                        "most unique sources in one window of one sensor: a lower bound of sources",
                        NOT_KEPT},
    [C_INFECTED] = {"infected", "hosts", DS_EXPORT_COUNT, DS_EXPORT_ESTIMATED,
                    "hosts that sent a packet with a built-in mark of malware", UNKNOWN},
    [C_INFECTED_KIND] = {"infected_kind", KIND("infected")},
    [C_INFECTED_ERROR] = {"infected_error", ERRORS("infected")},
    [C_CONFIRMED] = {"confirmed", "hosts", DS_EXPORT_COUNT, DS_EXPORT_ESTIMATED,
                     "of these, with two such packets in one window", UNKNOWN},
    [C_CONFIRMED_KIND] = {"confirmed_kind", KIND("confirmed")},
    [C_CONFIRMED_ERROR] = {"confirmed_error", ERRORS("confirmed")},
    [C_ADDRESSES] = {"addresses", "addresses", COUNT,
                     "monitored IPv4 addresses: the most in a window, summed over sensors",
                     "a sensor does not say, or nobody watched"},
    [C_ACTIVE_ADDRESSES] = {"active_addresses", "addresses", DS_EXPORT_COUNT, DS_EXPORT_FLOOR,
                            "of these, such that got a packet: the most in a window, summed over "
                            "sensors",
                            UNWATCHED},
    [C_WINDOWS] = {"windows", "windows", COUNT, "stored windows", NULL},
    [C_SPLIT_WINDOWS] =
        {"split_windows", "windows", COUNT,
         "of these, such that came in several parts: unique counts are lower bounds", NULL},
    [C_OBSERVED] = {"observed", "seconds", DS_EXPORT_REAL, DS_EXPORT_EXACT,
                    "time that was watched, summed over sensors", NULL},
    [C_COVERAGE] =
        {"coverage", "", DS_EXPORT_REAL, DS_EXPORT_EXACT,
         "observed by the length of the row's time, and where that is of all sensors by the "
         "number of those of the period; 0 to 1",
         NULL},
    [C_PARTS] = {"parts", "", COUNT, "messages that the window came in", NULL},
    [C_BOOKS + DS_BOOK_RECEIVED] = {"received", BOOK("counted + outside + malformed")},
    [C_BOOKS + DS_BOOK_COUNTED] = {"counted", BOOK("packets in all other figures")},
    [C_BOOKS + DS_BOOK_OUTSIDE] = {"outside", BOOK("to addresses that are not monitored")},
    [C_BOOKS + DS_BOOK_MALFORMED] = {"malformed", BOOK("that cannot be counted")},
    [C_BOOKS + DS_BOOK_LATE] = {"late", BOOK("counted, but in a later window than their own")},
    [C_BOOKS + DS_BOOK_FRAGMENT] = {"fragment", BOOK("counted, later fragments")},
    [C_BOOKS + DS_BOOK_TRUNCATED] = {"truncated", BOOK("counted, cut by the capture")},
    [C_BOOKS + DS_BOOK_DROPPED_KERNEL] = {"dropped_kernel", BOOK("lost, never received")},
    [C_BOOKS + DS_BOOK_DROPPED_INTERFACE] = {"dropped_interface", BOOK("lost, never received")},
    [C_BOOKS + DS_BOOK_DROPPED_RING] = {"dropped_ring", BOOK("lost, never received")},
    [C_OVERFLOW + DS_OVERFLOW_CELLS] = {"overflow_cells", OVERFLOW("they count as country **")},
    [C_OVERFLOW +
        DS_OVERFLOW_PAIRS] = {"overflow_pairs", OVERFLOW("sources of ports are lower bounds")},
    [C_OVERFLOW + DS_OVERFLOW_SOURCES] = {"overflow_sources", OVERFLOW("sources are lower bounds")},
    [C_OVERFLOW + DS_OVERFLOW_DESTINATIONS] = {"overflow_destinations",
                                               OVERFLOW("active addresses are lower bounds")},
    [C_OVERFLOW + DS_OVERFLOW_SIGNATURES] = {"overflow_signatures",
                                             OVERFLOW("sources of signatures are lower bounds")},
    [C_OVERFLOW + DS_OVERFLOW_ATTACKS] = {"overflow_attacks", OVERFLOW("attacks may be missing")},
    [C_DESTINATIONS] = {"destinations", "addresses", COUNT, "unique destinations: how many", NULL},
    [C_COUNTRY_DB] = {"country_db", TEXT, "country database that the sensor used", "it had none"},
    [C_SOURCE] = {"source", TEXT, "IPv4 address of the source", NULL},
    [C_ASN] = {"asn", "", COUNT, "its autonomous system, the last that was said", "unknown"},
    [C_SOURCE_PACKETS] = {"packets", "packets", DS_EXPORT_COUNT, DS_EXPORT_FLOOR,
                          "its packets in the windows that list it", NULL},
    [C_PORTS_PEAK] = {"ports_peak", "ports", COUNT, "most service ports in one window", NULL},
    [C_SURVEY] = {"survey", "", DS_EXPORT_FLAG, DS_EXPORT_EXACT,
                  "a window knew or found it as a survey scanner", NULL},
    [C_SOURCE_DEVICE] = {"device", TEXT, "its class of device", NULL},
    [C_CLASSES] = {"classes", TEXT, "classes of its packets, blanks between them", NULL},
    [C_SIGNATURES] = {"signatures", TEXT, "marks of its packets, blanks between them", NULL},
    [C_SOURCE_CONFIRMED] = {"signatures_confirmed", TEXT,
                            "of these, such on two packets of a window", NULL},
    [C_SOURCE_WINDOWS] = {"listed_windows", "windows", COUNT, "windows that list it", NULL},
    [C_FIRST] = {"first", TIME, "not seen before, in this period", NULL},
    [C_LAST] = {"last", TIME, "not seen after, in this period", NULL},
    [C_VICTIM] = {"victim", TEXT, "IPv4 address of the victim", NULL},
    [C_VICTIM_COUNTRY] = {"country", TEXT, "country of the victim", NULL},
    [C_ATTACKED_PROTO] = {"proto", TEXT, "IP protocol of the attack", NULL},
    [C_ATTACKED_PORT] = {"port", "", COUNT, "attacked port with most packets; 0: none", NULL},
    [C_ATTACK_START] = {"attack_start", TIME, "first packet of the attack", NULL},
    [C_ATTACK_LAST] = {"attack_last", TIME, "last packet so far", NULL},
    [C_DURATION] = {"duration", "seconds", DS_EXPORT_REAL, DS_EXPORT_EXACT,
                    "from the first to the last packet", NULL},
    [C_ATTACK_PACKETS] = {"attack_packets", "packets", DS_EXPORT_COUNT, DS_EXPORT_FLOOR,
                          "packets of the attack since its start that this sensor got", NULL},
    [C_ATTACK_BYTES] = {"attack_bytes", "bytes", DS_EXPORT_COUNT, DS_EXPORT_FLOOR,
                        "their IP total lengths", NULL},
    [C_MISMATCHES] = {"mismatches", "packets", COUNT,
                      "of these, such that quote one not sent in their destination's name", NULL},
    [C_MAX_PPM] = {"max_ppm", "packets per minute", COUNT, "most packets in a minute", NULL},
    [C_ATTACK_PORTS] = {"ports_peak", "ports", COUNT, "most attacked ports in one window", NULL},
    [C_ATTACK_SERVICE_PORTS] = {"attack_ports_peak", "ports", COUNT,
                                "most ports of the other side in one window", NULL},
    [C_ATTACK_ADDRESSES] = {"addresses_peak", "addresses", COUNT,
                            "most monitored addresses that were answered in one window: how many",
                            NULL},
    [C_PERIOD_PACKETS] = {"packets", "packets", COUNT, "packets in the windows of the period",
                          NULL},
    [C_PERIOD_BYTES] = {"bytes", "bytes", COUNT, "their IP total lengths", NULL},
    [C_ATTACK_WINDOWS] = {"attack_windows", "windows", COUNT, "windows of the period that saw it",
                          NULL},
    [C_FIRST_SEEN] = {"first", TIME, "start of the first window with such a packet, ever", NULL},
    [C_LAST_SEEN] = {"last", TIME, "start of the last window with such a packet", NULL},
    [C_FIRST_WINDOW] = {"first", TIME, "start of its first window", NULL},
    [C_LAST_WINDOW_END] = {"end", TIME, "end of its last window", NULL},
    [C_LAST_RECEIVED] = {"last_received", TIME, "when its last message came", NULL},
    [C_GRID] = {"window_length", "seconds", COUNT, "its windows start and end on multiples of this",
                NULL},
    [C_DROPPED] = {"dropped", BOOK("lost, never received")},
};

/* ---- tables ---- */

#define STEP      C_START | IS_KEY, C_END
#define WATCHED   C_OBSERVED, C_COVERAGE
#define UNIQUE    C_SOURCES, C_SOURCES_KIND, C_SOURCES_ERROR, C_SOURCES_PEAK
#define RANKED    C_RANK
#define COUNTED   C_PACKETS, C_SHARE, C_FLOOR, C_BYTES, C_SURVEY_PACKETS
#define A_SERVICE C_CLASS | IS_KEY, C_PROTO | IS_KEY, C_PORT | IS_KEY
#define ALL_BOOKS                                                                                  \
    C_BOOKS, C_BOOKS + 1, C_BOOKS + 2, C_BOOKS + 3, C_BOOKS + 4, C_BOOKS + 5, C_BOOKS + 6,         \
        C_BOOKS + 7, C_BOOKS + 8, C_BOOKS + 9
#define ALL_OVERFLOW                                                                               \
    C_OVERFLOW, C_OVERFLOW + 1, C_OVERFLOW + 2, C_OVERFLOW + 3, C_OVERFLOW + 4, C_OVERFLOW + 5
_Static_assert(DS_BOOK_COUNT == 10 && DS_OVERFLOW_COUNT == 6, "all of them are listed");

static const uint8_t of_series[] = {C_START | IS_KEY,
                                    C_END,
                                    C_FILTER_CLASS,
                                    C_FILTER_PROTO | IS_KEY,
                                    C_FILTER_PORT | IS_KEY,
                                    C_FILTER_COUNTRY,
                                    C_FILTER_TYPE,
                                    C_FILTER_SIGNATURE,
                                    C_SURVEY_PART,
                                    C_PACKETS,
                                    C_FLOOR,
                                    C_BYTES,
                                    C_SURVEY_PACKETS,
                                    UNIQUE,
                                    C_ADDRESSES,
                                    C_ACTIVE_ADDRESSES,
                                    C_WINDOWS,
                                    WATCHED};
static const uint8_t of_ports[] = {STEP, RANKED, A_SERVICE, COUNTED, UNIQUE, WATCHED};
static const uint8_t of_port_countries[] = {STEP,    RANKED, A_SERVICE, C_COUNTRY | IS_KEY,
                                            COUNTED, UNIQUE, WATCHED};
static const uint8_t of_countries[] = {STEP, RANKED, C_COUNTRY | IS_KEY, COUNTED, UNIQUE, WATCHED};
static const uint8_t of_classes[] = {STEP, RANKED, C_CLASS | IS_KEY, COUNTED, UNIQUE, WATCHED};
static const uint8_t of_types[] = {STEP,    RANKED, C_TYPE | IS_KEY, C_PACKETS_EXACT,
                                   C_SHARE, WATCHED};
static const uint8_t of_protocols[] = {STEP,    RANKED, C_PROTO | IS_KEY, C_PACKETS_EXACT,
                                       C_SHARE, WATCHED};
static const uint8_t of_devices[] = {
    STEP, RANKED, C_DEVICE | IS_KEY, C_PACKETS_EXACT, C_SHARE, C_SOURCES_PEAK, WATCHED};
static const uint8_t of_signatures[] = {
    STEP, RANKED, C_SIGNATURE | IS_KEY, C_PACKETS_EXACT, C_SHARE, UNIQUE, WATCHED};
static const uint8_t of_infected[] = {
    STEP,        C_FILTER_COUNTRY, C_INFECTED,        C_INFECTED_KIND, C_INFECTED_ERROR,
    C_CONFIRMED, C_CONFIRMED_KIND, C_CONFIRMED_ERROR, WATCHED};
static const uint8_t of_sensors[] = {
    STEP,         C_SENSOR | IS_KEY, C_WINDOWS, C_SPLIT_WINDOWS, ALL_BOOKS,
    ALL_OVERFLOW, C_BYTES,           UNIQUE,    C_ADDRESSES,     WATCHED};
static const uint8_t of_malformed[] = {STEP, C_SENSOR | IS_KEY, C_REASON | IS_KEY, C_PACKETS_EXACT,
                                       WATCHED};
static const uint8_t of_windows[] = {
    C_START | IS_KEY, C_LENGTH, C_SENSOR | IS_KEY, C_PARTS,     ALL_BOOKS,          ALL_OVERFLOW,
    C_BYTES,          UNIQUE,   C_DESTINATIONS,    C_ADDRESSES, C_ACTIVE_ADDRESSES, C_COUNTRY_DB,
    WATCHED};
static const uint8_t of_attacks[] = {C_SENSOR | IS_KEY,
                                     C_VICTIM | IS_KEY,
                                     C_VICTIM_COUNTRY,
                                     C_ATTACKED_PROTO | IS_KEY,
                                     C_ATTACKED_PORT,
                                     C_ATTACK_START | IS_KEY,
                                     C_ATTACK_LAST,
                                     C_DURATION,
                                     C_ATTACK_PACKETS,
                                     C_ATTACK_BYTES,
                                     C_MISMATCHES,
                                     C_MAX_PPM,
                                     C_ATTACK_PORTS,
                                     C_ATTACK_SERVICE_PORTS,
                                     C_ATTACK_ADDRESSES,
                                     C_PERIOD_PACKETS,
                                     C_PERIOD_BYTES,
                                     C_ATTACK_WINDOWS,
                                     WATCHED};
static const uint8_t of_sources[] = {
    RANKED,           C_SOURCE | IS_KEY, C_COUNTRY,    C_ASN,
    C_SOURCE_PACKETS, C_SHARE,           C_PORTS_PEAK, C_SURVEY,
    C_SOURCE_DEVICE,  C_CLASSES,         C_SIGNATURES, C_SOURCE_CONFIRMED,
    C_SOURCE_WINDOWS, C_FIRST,           C_LAST,       WATCHED};
static const uint8_t of_first_ports[] = {A_SERVICE, C_FIRST_SEEN, C_LAST_SEEN};
static const uint8_t of_first_signatures[] = {C_SIGNATURE | IS_KEY, C_FIRST_SEEN, C_LAST_SEEN};
static const uint8_t of_sensor_list[] = {
    C_SENSOR | IS_KEY, C_FIRST_WINDOW, C_LAST_WINDOW_END, C_LAST_RECEIVED,
    C_WINDOWS,         C_GRID,         C_BOOKS,           C_BOOKS + DS_BOOK_COUNTED,
    C_DROPPED,         WATCHED};

#define PERIOD   (TAKES_PERIOD | TAKES_ZONE)
#define STEPPED  (PERIOD | TAKES_STEP)
#define TABLE    (STEPPED | TAKES_LIMIT)
#define CELLS    (TAKES_CLASS | TAKES_PORT | TAKES_COUNTRY | TAKES_SURVEY)
#define OF(list) list, sizeof list / sizeof list[0]
#define NO_ROWS                                                                                    \
    "What had no packet has no row: where the table series says that the step was watched, it is " \
    "0."

static const struct ds_export_table tables[] = {
    {"series", "a step",
     "All packets, or those that the filters leave; several ports are several "
     "series, one behind the other.",
     OF(of_series), STEPPED | CELLS | TAKES_ALONE | TAKES_PORTS, 0, FILL_SERIES},
    {"ports", "a step, class, protocol and port", NO_ROWS, OF(of_ports), TABLE | CELLS, DS_BY_PORT,
     FILL_STEPS},
    {"port-countries", "a step, class, protocol, port and country", NO_ROWS, OF(of_port_countries),
     TABLE | CELLS, DS_BY_PORT, FILL_STEPS_BY_COUNTRY},
    {"countries", "a step and country", NO_ROWS, OF(of_countries), TABLE | CELLS, DS_BY_COUNTRY,
     FILL_STEPS},
    {"classes", "a step and class", NO_ROWS, OF(of_classes), TABLE | CELLS, DS_BY_CLASS,
     FILL_STEPS},
    {"types", "a step and type of packet", NO_ROWS, OF(of_types), TABLE, DS_BY_TYPE, FILL_STEPS},
    {"protocols", "a step and IP protocol", NO_ROWS, OF(of_protocols), TABLE, DS_BY_PROTOCOL,
     FILL_STEPS},
    {"devices", "a step and class of device", NO_ROWS, OF(of_devices), TABLE | TAKES_COUNTRY,
     DS_BY_DEVICE, FILL_STEPS},
    {"signatures", "a step and signature",
     "Signatures are independent marks: rows do not add up. " NO_ROWS, OF(of_signatures), TABLE,
     DS_BY_SIGNATURE, FILL_STEPS},
    {"infected", "a step", "Hosts with marks of malware, of the world or of one country.",
     OF(of_infected), STEPPED | TAKES_COUNTRY, 0, FILL_INFECTED},
    {"sensors", "a step and sensor",
     "The books of each sensor. Of a step that it did not watch, figures are null.", OF(of_sensors),
     STEPPED, 0, FILL_SENSORS},
    {"malformed", "a step, sensor and reason", "Packets that could not be counted.",
     OF(of_malformed), STEPPED, 0, FILL_MALFORMED},
    {"windows", "a window of a sensor", "The books of each window that is still stored as it came.",
     OF(of_windows), PERIOD, 0, FILL_WINDOWS},
    {"attacks", "an attack with spoofed sources as a sensor saw it",
     "Most packets first. An attack that two sensors saw has two rows.", OF(of_attacks),
     PERIOD | TAKES_COUNTRY | TAKES_LIMIT, 0, FILL_ATTACKS},
    {"sources", "a source",
     "Added up from the sources that windows list; most packets first. Coverage is that of the "
     "windows that are still stored as they came: of others nobody knows the sources.",
     OF(of_sources), PERIOD | TAKES_COUNTRY | TAKES_SURVEY | TAKES_LIMIT, 0, FILL_SOURCES},
    {"first-ports", "a class, protocol and port",
     "When ports were first and last seen over the life of the store, those first seen in the "
     "period; so they have no coverage.",
     OF(of_first_ports), PERIOD | TAKES_CLASS | TAKES_PORT | TAKES_LIMIT, DS_BY_PORT, FILL_SEEN},
    {"first-signatures", "a signature", "The same of signatures.", OF(of_first_signatures),
     PERIOD | TAKES_SIGNATURE | TAKES_LIMIT, DS_BY_SIGNATURE, FILL_SEEN},
    {"sensor-list", "a sensor", "Over the whole life of the store.", OF(of_sensor_list), TAKES_ZONE,
     0, FILL_SENSOR_LIST},
};

#define TABLE_COUNT (sizeof tables / sizeof tables[0])

_Static_assert(sizeof of_windows <= DS_EXPORT_COLUMNS_MAX &&
                   sizeof of_sensors <= DS_EXPORT_COLUMNS_MAX,
               "the widest tables fit");

const struct ds_export_table *ds_export_table(size_t i)
{
    return i < TABLE_COUNT ? &tables[i] : NULL;
}

const struct ds_export_table *ds_export_find(const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (strcmp(tables[i].name, name) == 0)
            return &tables[i];
    return NULL;
}

const char *ds_export_names(char out[static DS_EXPORT_NAMES_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        used += (size_t)snprintf(out + used, DS_EXPORT_NAMES_BYTES - used, "%s%s",
                                 i == 0                 ? ""
                                 : i + 1 == TABLE_COUNT ? " or "
                                                        : ", ",
                                 tables[i].name);
    return out;
}

const struct ds_export_column *ds_export_column(const struct ds_export_table *table, size_t i)
{
    return &columns[table->columns[i] & ~IS_KEY];
}

bool ds_export_is_key(const struct ds_export_table *table, size_t i)
{
    return (table->columns[i] & IS_KEY) != 0;
}

const char *ds_export_certainty_text(enum ds_export_certainty certainty)
{
    static const char *const texts[DS_EXPORT_CERTAINTY_COUNT] = {
        [DS_EXPORT_EXACT] = "exact",
        [DS_EXPORT_STATED] = "exact or estimated, as the column behind it says",
        [DS_EXPORT_ESTIMATED] = "estimated",
        [DS_EXPORT_FLOOR] = "at least so much",
        [DS_EXPORT_IF_FLOOR] = "exact; at least so much where floor is true",
    };
    return texts[certainty];
}

const char *ds_export_type_name(enum ds_export_type type)
{
    static const char *const names[] = {[DS_EXPORT_TEXT] = "text",
                                        [DS_EXPORT_COUNT] = "count",
                                        [DS_EXPORT_REAL] = "number",
                                        [DS_EXPORT_TIME] = "time",
                                        [DS_EXPORT_FLAG] = "flag"};
    return names[type];
}

const char *ds_export_options(const struct ds_export_table *table,
                              char out[static DS_EXPORT_OPTIONS_BYTES])
{
    static const struct {
        unsigned takes;
        const char *names;
    } options[] = {
        {TAKES_PERIOD, "from to sensor"},
        {TAKES_ZONE, "tz"},
        {TAKES_STEP, "step"},
        {TAKES_LIMIT, "limit"},
        {TAKES_CLASS, "class"},
        {TAKES_PORT, "port proto"},
        {TAKES_COUNTRY, "country"},
        {TAKES_SURVEY, "survey"},
        {TAKES_ALONE, "type"},
        {TAKES_ALONE | TAKES_SIGNATURE, "signature"},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (table->takes & options[i].takes)
            used += (size_t)snprintf(out + used, DS_EXPORT_OPTIONS_BYTES - used, "%s%s",
                                     used ? " " : "", options[i].names);
    return out;
}
