/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers and writers of the small texts that people type. Independent of locale and time zone:
 * the C library's own readers accept signs, spaces and half a number.
 */
#include "darkscope/text.h"

#include "darkscope/limits.h"
#include "darkscope/types.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_PER_DAY 86400

/* Reads 1 to max_digits digits, moves *text behind them. -1 where there is no digit. */
static int64_t read_digits(const char **text, int max_digits)
{
    int64_t value = 0;
    int digits = 0;
    for (; digits < max_digits && **text >= '0' && **text <= '9'; digits++)
        value = value * 10 + (*(*text)++ - '0');
    return digits ? value : -1;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. The year starts in March
 * here, so that the leap day is its last. (Howard Hinnant, "chrono-compatible low-level date
 * algorithms".) */
static int64_t days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* 0 is March */
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

const char *ds_time_print(int64_t seconds, char out[static DS_TIME_TEXT])
{
    int64_t days = seconds / SECONDS_PER_DAY;
    int second = (int)(seconds % SECONDS_PER_DAY);
    if (second < 0) {
        second += SECONDS_PER_DAY;
        days--;
    }
    int64_t year;
    int month, day;
    date_of_days(days, &year, &month, &day);
    snprintf(out, DS_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02dZ", (long long)year, month, day,
             second / 3600, second / 60 % 60, second % 60);
    return out;
}

const char *ds_time_print_ms(int64_t ms, char out[static DS_TIME_TEXT])
{
    int64_t seconds = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    ds_time_print(seconds, out);
    size_t end = strlen(out) - 1; /* the Z */
    snprintf(out + end, DS_TIME_TEXT - end, ".%03dZ", (int)rest);
    return out;
}

/* Reads exactly two digits behind the separator: 0 to limit, else -1. */
static int read_two(const char **text, char separator, int limit)
{
    const char *start = *text;
    if (*start != separator)
        return -1;
    *text = start + 1;
    int64_t value = read_digits(text, 2);
    return *text == start + 3 && value <= limit ? (int)value : -1;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

bool ds_time_parse(const char *text, int64_t *seconds)
{
    const char *at = text;
    int64_t year = read_digits(&at, 4);
    if (at != text + 4)
        return false;
    int month = read_two(&at, '-', 12);
    if (month < 1)
        return false;
    int day = read_two(&at, '-', 31);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    int hour = 0, minute = 0, second = 0;
    if (*at == 'T') {
        hour = read_two(&at, 'T', 23);
        minute = hour < 0 ? -1 : read_two(&at, ':', 59);
        if (minute < 0)
            return false;
        if (*at == ':')
            second = read_two(&at, ':', 59);
        if (second < 0)
            return false;
    }
    if (*at == 'Z')
        at++;
    if (*at)
        return false;
    *seconds =
        days_of_date(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    return true;
}

bool ds_duration_parse(const char *text, int64_t *nanoseconds)
{
    static const struct {
        const char *name;
        int64_t nanoseconds;
    } units[] = {
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", 60 * INT64_C(1000000000)},
        {"h", 3600 * INT64_C(1000000000)},
        {"d", SECONDS_PER_DAY * INT64_C(1000000000)},
    };
    /* 18 digits fit; what follows a longer number is a digit and no unit. */
    int64_t value = read_digits(&text, 18);
    if (value < 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text, units[i].name) == 0)
            return !__builtin_mul_overflow(value, units[i].nanoseconds, nanoseconds);
    return false;
}

static bool host_bits_set(const struct ds_prefix *p)
{
    int address_bits = p->is_v6 ? 128 : 32;
    for (int bit = p->bits; bit < address_bits; bit++)
        if (p->address[bit / 8] & (0x80 >> bit % 8))
            return true;
    return false;
}

const char *ds_prefix_parse(const char *text, struct ds_prefix *out)
{
    struct ds_prefix p = {0};
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");
    if (length >= sizeof address)
        return "not an IPv4 or IPv6 address";
    memcpy(address, text, length);
    address[length] = 0;
    p.is_v6 = strchr(address, ':');
    if (inet_pton(p.is_v6 ? AF_INET6 : AF_INET, address, p.address) != 1)
        return "not an IPv4 or IPv6 address";

    int64_t longest = p.is_v6 ? 128 : 32;
    int64_t bits = longest;
    if (text[length] == '/') {
        const char *at = text + length + 1;
        bits = read_digits(&at, 3);
        if (bits < 0 || bits > longest || *at)
            return p.is_v6 ? "prefix length is not 0 to 128" : "prefix length is not 0 to 32";
    }
    p.bits = (uint8_t)bits;
    if (host_bits_set(&p))
        return "host bits set";
    *out = p;
    return NULL;
}

/* The rest of "8/0/icmp", behind the type. */
static bool read_icmp(int64_t type, const char *text, uint16_t *port, uint8_t *proto)
{
    int64_t code = read_digits(&text, 3);
    if (type > UINT8_MAX || code < 0 || code > UINT8_MAX || *text != '/')
        return false;
    int protocol = ds_proto_parse(text + 1);
    if (protocol != DS_PROTO_ICMP && protocol != DS_PROTO_ICMP6)
        return false;
    *port = (uint16_t)(type << 8 | code);
    *proto = (uint8_t)protocol;
    return true;
}

bool ds_port_parse(const char *text, uint16_t *port, uint8_t *proto)
{
    int64_t number = read_digits(&text, 5);
    if (number < 0 || number > UINT16_MAX || *text != '/')
        return false;
    if (strchr(text + 1, '/'))
        return read_icmp(number, text + 1, port, proto);
    int protocol = ds_proto_parse(text + 1);
    if (protocol < 0)
        return false;
    *port = (uint16_t)number;
    *proto = (uint8_t)protocol;
    return true;
}

bool ds_name_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strnlen(name, DS_NAME_MAX + 1);
    return length > 0 && length <= DS_NAME_MAX && !strchr("._-", name[0]) &&
           strspn(name, allowed) == length;
}

/* Bytes of the printable character at s: 0 where there is none. */
static size_t printable_bytes(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    size_t bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t character = s[0] & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80) /* also the final NUL */
            return 0;
        character = character << 6 | (s[i] & 0x3f);
    }
    /* The smallest character of a length refuses overlong forms; below U+00A0 are controls. */
    static const uint32_t smallest[] = {[2] = 0xa0, [3] = 0x800, [4] = 0x10000};
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    /* Line separators and marks that turn the direction of the text around them. */
    bool layout = (character >= 0x200e && character <= 0x200f) ||
                  (character >= 0x2028 && character <= 0x202e) ||
                  (character >= 0x2066 && character <= 0x2069);
    if (s[0] < 0xc2 || s[0] > 0xf4 || character < smallest[bytes] || character > 0x10ffff ||
        surrogate || layout)
        return 0;
    return bytes;
}

void ds_text_clean(char *text)
{
    while (*text) {
        size_t bytes = printable_bytes((const unsigned char *)text);
        if (bytes == 0)
            *text = '?';
        text += bytes ? bytes : 1;
    }
}

const char *ds_address_print(uint32_t address, char out[static DS_ADDRESS_TEXT])
{
    snprintf(out, DS_ADDRESS_TEXT, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff,
             address >> 8 & 0xff, address & 0xff);
    return out;
}
