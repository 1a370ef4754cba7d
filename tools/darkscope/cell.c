/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a cell of a table: figures and names as people write them. What comes from an
 * aggregator may be anything: it is cut to a cell's size and to printable characters.
 */
#include "table.h"

#include "darkscope/types.h"

#include <math.h>
#include <string.h>

const char *table_text(const json_t *value, char out[static TABLE_CELL])
{
    const char *text = json_string_value(value);
    snprintf(out, TABLE_CELL, "%s", text ? text : "-");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    return out;
}

const char *table_list(const json_t *value, char out[static TABLE_CELL])
{
    size_t used = 0, i;
    const json_t *item;
    char text[TABLE_CELL];
    json_array_foreach(value, i, item)
    {
        table_text(item, text);
        if (used + strlen(text) + 2 > TABLE_CELL)
            break;
        used += (size_t)snprintf(out + used, TABLE_CELL - used, "%s%s", used ? " " : "", text);
    }
    return used ? out : strcpy(out, "-");
}

static const char *print_number(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_integer(value))
        return strcpy(out, "-");
    snprintf(out, TABLE_CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return out;
}

const char *table_count(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_integer(value))
        return strcpy(out, "-");
    char digits[24];
    int length =
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    char *o = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            *o++ = ',';
        *o++ = digits[i];
    }
    *o = 0;
    return out;
}

const char *table_percent(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_number(value))
        return strcpy(out, "-");
    double percent = 100 * json_number_value(value);
    /* A gap of a second in a year must not round to 100, nor what there is to nothing. */
    if (percent < 100 && percent >= 99.95)
        return strcpy(out, "99.9+%");
    if (percent > 0 && percent < 0.05)
        return strcpy(out, "<0.1%");
    snprintf(out, TABLE_CELL, "%.1f%%", percent);
    return out;
}

/* Packets may be at least so many. */
static const char *print_packets(const json_t *row, const json_t *value,
                                 char out[static TABLE_CELL])
{
    char count[TABLE_CELL];
    bool is_floor = json_is_true(json_object_get(row, "floor"));
    snprintf(out, TABLE_CELL, "%s%.40s", is_floor ? ">=" : "", table_count(value, count));
    return out;
}

static const char *print_change(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_number(value))
        return strcpy(out, "-");
    snprintf(out, TABLE_CELL, "%+.1f%%", 100 * json_number_value(value));
    return out;
}

static const char *print_sources(const json_t *row, const char *key, char out[static TABLE_CELL])
{
    char error[TABLE_CELL], count[TABLE_CELL];
    snprintf(error, sizeof error, "%s_error", key);
    bool is_estimated = json_number_value(json_object_get(row, error)) > 0;
    snprintf(out, TABLE_CELL, "%s%.40s", is_estimated ? "~" : "",
             table_count(json_object_get(row, key), count));
    return out;
}

/* Cut, not rounded: a second that was watched almost whole was not watched whole. */
static const char *print_seconds(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_number(value))
        return strcpy(out, "-");
    snprintf(out, TABLE_CELL, "%.1f", floor(json_number_value(value) * 10) / 10);
    return out;
}

struct name {
    uint8_t number;
    const char *text;
};

/* Those that telescopes see (RFC 792, RFC 950). */
static const struct name icmp_names[] = {
    {0, "echo reply"},         {3, "unreachable"},
    {4, "source quench"},      {5, "redirect"},
    {8, "echo request"},       {11, "time exceeded"},
    {12, "parameter problem"}, {13, "timestamp"},
    {14, "timestamp reply"},   {15, "information request"},
    {16, "information reply"}, {17, "mask request"},
    {18, "mask reply"},
};

/* RFC 4443, RFC 4861. */
static const struct name icmp6_names[] = {
    {1, "unreachable"},
    {2, "too big"},
    {3, "time exceeded"},
    {4, "parameter problem"},
    {128, "echo request"},
    {129, "echo reply"},
    {133, "router solicitation"},
    {134, "router advertisement"},
    {135, "neighbor solicitation"},
    {136, "neighbor advertisement"},
};

/* Beside those that ds_proto_name knows. */
static const struct name proto_names[] = {
    {2, "igmp"}, {4, "ipip"},  {41, "ipv6"}, {47, "gre"},   {50, "esp"},
    {51, "ah"},  {89, "ospf"}, {103, "pim"}, {132, "sctp"},
};

#define COUNT(array) (sizeof array / sizeof array[0])

/* "" where there is none. */
static const char *name_of(const struct name *names, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number)
            return names[i].text;
    return "";
}

const char *table_port(const json_t *object, char out[static TABLE_CELL])
{
    char proto[TABLE_CELL];
    json_int_t port = json_integer_value(json_object_get(object, "port"));
    table_text(json_object_get(object, "proto"), proto);
    bool v4 = strcmp(proto, "icmp") == 0, v6 = strcmp(proto, "icmp6") == 0;
    if ((!v4 && !v6) || port < 0 || port > UINT16_MAX) {
        snprintf(out, TABLE_CELL, "%" JSON_INTEGER_FORMAT "/%.16s", port, proto);
        return out;
    }
    int type = (int)port >> 8, code = (int)port & 0xff;
    const char *name = v4 ? name_of(icmp_names, COUNT(icmp_names), type)
                          : name_of(icmp6_names, COUNT(icmp6_names), type);
    snprintf(out, TABLE_CELL, "%d/%d/%.16s%s%s", type, code, proto, *name ? " " : "", name);
    return out;
}

const char *table_proto(const char *proto, char out[static TABLE_CELL])
{
    int number = ds_proto_parse(proto);
    char known[8];
    if (number < 0)
        snprintf(out, TABLE_CELL, "%.40s", proto);
    else if (*name_of(proto_names, COUNT(proto_names), number))
        snprintf(out, TABLE_CELL, "%d %s", number,
                 name_of(proto_names, COUNT(proto_names), number));
    else if (ds_proto_name((uint8_t)number, known)[0] > '9')
        snprintf(out, TABLE_CELL, "%d %s", number, known);
    else
        snprintf(out, TABLE_CELL, "%d", number);
    return out;
}

static const char *print_proto(const json_t *value, char out[static TABLE_CELL])
{
    char proto[TABLE_CELL];
    return table_proto(table_text(value, proto), out);
}

const char *table_cell(const json_t *row, const struct column *column, char out[static TABLE_CELL])
{
    json_t *value = json_object_get(row, column->key);
    switch (column->kind) {
    case COLUMN_TEXT:
        return table_text(value, out);
    case COLUMN_LIST:
        return table_list(value, out);
    case COLUMN_NUMBER:
        return print_number(value, out);
    case COLUMN_PORT:
        return table_port(row, out);
    case COLUMN_PROTO:
        return print_proto(value, out);
    case COLUMN_COUNT:
        return strcmp(column->key, "packets") == 0 ? print_packets(row, value, out)
                                                   : table_count(value, out);
    case COLUMN_RARE:
        return table_count(value, out);
    case COLUMN_SECONDS:
        return print_seconds(value, out);
    case COLUMN_SHARE:
        return table_percent(value, out);
    case COLUMN_CHANGE:
        return print_change(value, out);
    case COLUMN_SOURCES:
        return print_sources(row, column->key, out);
    case COLUMN_BAR:
        break;
    }
    return strcpy(out, "");
}
