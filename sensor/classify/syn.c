/* SPDX-License-Identifier: Apache-2.0 */
#include "classify/syn.h"

/* Stretches of options, in network order. The masks leave out what varies: MSS, scale, times. */
#define MSS_AND(rest)  (UINT64_C(0x0204000000000000) | (rest))
#define MSS_MASK(rest) (UINT64_C(0xffff000000000000) | (rest))
#define SCALE          0xffffff00 /* the mask of four bytes that end in one */
#define FOUR           0xffffffff
#define NO_OPTIONS     [5] = {.layout = DS_LAYOUT_NONE}
#define ROW(layout, ...)                                                                           \
    {                                                                                              \
        __VA_ARGS__, DS_LAYOUT_##layout                                                            \
    }

/* As in p0f.fp of p0f 3, [tcp:request]; ZMap's module_tcp_synscan.c borrows three of them. What is
 * not here has an empty row, which everything fits, and the layout DS_LAYOUT_OTHER. */
const struct ds_syn_row ds_syn_rows[4][16] = {
    {
        NO_OPTIONS, [6] = ROW(MSS, {0x02040000}, {0xffff0000}), /* mss */
    },
    {
        NO_OPTIONS,
        /* mss,nop,nop,sok */
        [7] = ROW(WINDOWS_PLAIN, {MSS_AND(0x01010402)}, {MSS_MASK(FOUR)}),
        /* mss,nop,nop,sok,nop,ws */
        [8] = ROW(LINUX_PLAIN, {MSS_AND(0x01010402), 0, 0x01030300}, {MSS_MASK(FOUR), 0, SCALE}),
        /* mss,nop,nop,sok,nop,ws,nop,nop,ts */
        [11] = ROW(OPENBSD, {MSS_AND(0x01010402), UINT64_C(0x010303000101080a)},
                   {MSS_MASK(FOUR), (uint64_t)SCALE << 32 | FOUR}),
    },
    {
        NO_OPTIONS,
        /* mss,sok,ts,nop,ws */
        [10] = ROW(LINUX, {MSS_AND(0x0402080a), 0, 0x01030300}, {MSS_MASK(FOUR), 0, SCALE}),
    },
    {
        NO_OPTIONS,
        /* mss,nop,ws,nop,nop,sok */
        [8] = ROW(WINDOWS, {MSS_AND(0x01030300), 0, 0x01010402}, {MSS_MASK(SCALE), 0, FOUR}),
        /* mss,nop,ws,sok,ts */
        [10] = ROW(FREEBSD, {MSS_AND(0x01030300), 0x0402080a}, {MSS_MASK(SCALE), FOUR}),
        /* mss,nop,ws,nop,nop,ts,sok,eol+1 */
        [11] = ROW(MAC, {MSS_AND(0x01030300), UINT64_C(0x0101080a) << 32, 0x04020000},
                   {MSS_MASK(SCALE), (uint64_t)FOUR << 32, FOUR}),
    },
};

#define BIT(name)  DS_SIGNATURE_BIT(name)
#define PLAIN      (BIT(IRREGULAR) | BIT(IRREGULAR_NO_OPTIONS))
#define HIGH       (BIT(IRREGULAR) | BIT(IRREGULAR_TTL))
#define OLD        DS_SYN_OLD_KERNEL
#define KIND(name) DS_DEVICE_##name

/* By initial TTL: what it is from the one or two that are known, with the tools that are possible;
 * signs are the signatures of all. */
#define UNKNOWN(signs)                                                                             \
    {                                                                                              \
        (signs), 0, KIND(UNKNOWN)                                                                  \
    }
#define UNKNOWN_255(signs) UNKNOWN(signs), UNKNOWN((signs) | HIGH)
#define NOBODY(signs)                                                                              \
    {                                                                                              \
        UNKNOWN(signs), UNKNOWN(signs), UNKNOWN_255(signs)                                         \
    }
#define FROM_64(signs, tools, who)                                                                 \
    {                                                                                              \
        {(signs), (tools), KIND(who)}, UNKNOWN(signs), UNKNOWN_255(signs)                          \
    }
#define FROM_128(who)                                                                              \
    {                                                                                              \
        UNKNOWN(0), {0, 0, KIND(who)}, UNKNOWN_255(0)                                              \
    }
#define FROM_64_OR_255(signs, tools, who, high_tools)                                              \
    {                                                                                              \
        {(signs), (tools), KIND(who)}, UNKNOWN(signs), {(signs), (high_tools), KIND(TOOL)},        \
        {                                                                                          \
            (signs) | HIGH, (high_tools), KIND(TOOL)                                               \
        }                                                                                          \
    }
#define NOT_BARE(signs) NOBODY(signs), NOBODY(signs)

/* Kernels forbid fragments; programs that write their own headers seldom do. */
const struct ds_syn_form ds_syn_forms[DS_LAYOUT_COUNT][4][4] = {
    [DS_LAYOUT_OTHER] = {NOT_BARE(0), NOBODY(0), NOBODY(0)},
    [DS_LAYOUT_NONE] = {NOT_BARE(PLAIN), FROM_64_OR_255(PLAIN, 0, EMBEDDED, BIT(MASSCAN_1024)),
                        NOBODY(PLAIN)},
    [DS_LAYOUT_MSS] = {NOT_BARE(0),
                       FROM_64_OR_255(0, BIT(NMAP) | BIT(ZMAP_MODERN_OTHER), UNKNOWN,
                                      BIT(MASSCAN_1025) | BIT(UNICORNSCAN)),
                       NOBODY(0)},
    [DS_LAYOUT_LINUX] = {NOT_BARE(0), FROM_64(0, BIT(ZMAP_MODERN_OTHER), UNKNOWN),
                         FROM_64(0, OLD, LINUX)},
    [DS_LAYOUT_LINUX_PLAIN] = {NOT_BARE(0), NOBODY(0), FROM_64(0, OLD, LINUX)},
    [DS_LAYOUT_WINDOWS] = {NOT_BARE(0), FROM_64(0, BIT(ZMAP_MODERN), UNKNOWN), FROM_128(WINDOWS)},
    [DS_LAYOUT_WINDOWS_PLAIN] = {NOT_BARE(0), NOBODY(0), FROM_128(WINDOWS)},
    [DS_LAYOUT_MAC] = {NOT_BARE(0), FROM_64(0, BIT(ZMAP_MODERN_OTHER), UNKNOWN),
                       FROM_64(0, 0, BSD_MAC)},
    [DS_LAYOUT_FREEBSD] = {NOT_BARE(0), NOBODY(0), FROM_64(0, 0, BSD_MAC)},
    [DS_LAYOUT_OPENBSD] = {NOT_BARE(0), NOBODY(0), FROM_64(0, 0, BSD_MAC)},
};

#define TIMES_8(x)  x, x, x, x, x, x, x, x
#define TIMES_64(x) TIMES_8(TIMES_8(x))

/* From 0, 65, 129 and 201 on. */
const uint8_t ds_syn_ttls[256] = {
    DS_SYN_TTL_64,
    TIMES_64(DS_SYN_TTL_64),
    TIMES_64(DS_SYN_TTL_128),
    TIMES_64(DS_SYN_TTL_255),
    TIMES_8(DS_SYN_TTL_255),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    TIMES_8(DS_SYN_TTL_IRREGULAR),
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
    DS_SYN_TTL_IRREGULAR,
};

/* In the order of ds_syn_window_hash. */
const struct ds_syn_window ds_syn_windows[16] = {
    [2] = {14600, DS_SYN_OLD_KERNEL},
    [3] = {4128, BIT(UNICORNSCAN)},
    [4] = {3072, BIT(NMAP)},
    [6] = {1024, BIT(MASSCAN_1024) | BIT(NMAP)},
    [7] = {1025, BIT(MASSCAN_1025)},
    [10] = {5840, DS_SYN_OLD_KERNEL},
    [11] = {4096, BIT(NMAP)},
    [13] = {2048, BIT(NMAP)},
    [15] = {65535, BIT(ZMAP_MODERN) | BIT(ZMAP_MODERN_OTHER)},
};
