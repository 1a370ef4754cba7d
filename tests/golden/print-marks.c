/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sensor says of every packet of a capture that it counts, one line each:
 *
 *   NUMBER BYTES SIGNATURES DEVICE P0F
 *
 * its place in the file, from 1 on; the packet from its IP header on in hex, as much as travels to
 * a worker; signatures with commas, experimental ones too; "-" where there is none. Related
 * signatures stand where a packet has the tool's shape. For tests/golden/golden.py.
 *
 *   print-marks CAPTURE
 */
#include "capture.h"
#include "classify/classify.h"
#include "classify/p0f.h"
#include "link.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

static void print_packet(unsigned long number, const uint8_t *ip, uint32_t captured,
                         const struct ds_packet *p)
{
    struct ds_verdict v;
    char text[DS_P0F_TEXT];
    ds_classify(p, &v);
    if (v.type == DS_TYPE_TCP_SYN)
        v.signatures |= ds_syn_experimental(p, v.signatures);
    printf("%lu ", number);
    for (uint32_t i = 0; i < captured; i++)
        printf("%02x", ip[i]);
    const char *before = " ";
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        if (v.signatures >> i & 1) {
            printf("%s%s", before, ds_signature_name(i));
            before = ",";
        }
    ds_p0f_print(ip, p, text);
    printf("%s %s %s\n", v.signatures ? "" : " -", ds_device_name(v.device), text[0] ? text : "-");
}

static void print_frame(unsigned long number, const struct ds_frame *frame)
{
    static const struct ds_hash_key key = {1, 3};
    struct ds_network n;
    struct ds_packet p;
    if (ds_link_strip(frame, 0, &n) != DS_MALFORMED_COUNT)
        return;
    uint32_t captured = n.captured < DS_SNAP_BYTES ? n.captured : DS_SNAP_BYTES;
    if (ds_parse(n.data, captured, &key, &p) == DS_MALFORMED_COUNT)
        print_packet(number, n.data, captured, &p);
}

int main(int argc, char **argv)
{
    enum { BATCH = 64 };
    struct ds_capture *capture;
    struct ds_frame frames[BATCH];
    struct ds_error err;
    if (argc != 2 || ds_capture_open_file(argv[1], &capture, &err)) {
        fprintf(stderr, "print-marks: %s\n", argc == 2 ? err.text : "usage: print-marks CAPTURE");
        return 1;
    }
    unsigned long number = 0;
    int n;
    while ((n = capture->ops->read(capture, frames, BATCH, &err)) > 0)
        for (int i = 0; i < n; i++)
            print_frame(++number, &frames[i]);
    capture->ops->destroy(capture);
    return n != DS_CAPTURE_ENDED;
}
