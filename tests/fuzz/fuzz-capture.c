/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a capture file: pcap, pcapng, packed or not. Every byte of every frame is read, so
 * that a view beyond the buffer is seen, and the end has to be an end.
 */
#include "capture.h"
#include "fuzz.h"

static void read_all(struct ds_capture *c)
{
    struct ds_frame frames[DS_CAPTURE_BATCH];
    struct ds_error err;
    volatile uint8_t sum = 0;
    int n;
    while ((n = c->ops->read(c, frames, DS_CAPTURE_BATCH, &err)) >= 0) {
        check(n > 0 && n <= DS_CAPTURE_BATCH);
        for (int i = 0; i < n; i++) {
            check(frames[i].captured <= DS_CAPTURE_RECORD_MAX);
            check(frames[i].captured <= frames[i].wire);
            check(ds_capture_link_known(frames[i].link));
            for (uint32_t k = 0; k < frames[i].captured; k++)
                sum += frames[i].data[k];
        }
    }
    (void)sum; /* only for the sanitizers to see every byte read */
    check(n == DS_CAPTURE_ENDED || err.status == DS_DAMAGED || err.status == DS_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_file file;
    struct ds_capture *c;
    struct ds_error err;
    input_file_make(&file, data, size);
    if (ds_capture_open_file(file.path, &c, &err) == 0) {
        read_all(c);
        c->ops->destroy(c);
    } else {
        check(err.status == DS_INPUT);
    }
    input_file_remove(&file);
    return 0;
}
