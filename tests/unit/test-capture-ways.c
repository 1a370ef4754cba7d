/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways into the capture: plain, packed, piped; what is refused; stopping; the fake.
 */
#include "capture-outcome.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

/* More than the buffer holds several times. */
#define PACKETS 40000

static void build_large(struct build *b)
{
    pcap_header(b, 0xa1b2c3d4, 4, 1);
    for (unsigned i = 0; i < PACKETS; i++) {
        unsigned bytes = 20 + i * 7 % 101;
        pcap_record(b, 1000 + i / 100, i % 1000000, bytes, bytes + i % 3);
        build_data(b, (uint8_t)i, bytes);
    }
}

static void put_gzip(struct build *out, const uint8_t *data, size_t bytes)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, bytes);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)bytes;
    z.next_out = build_more(out, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->bytes -= z.avail_out;
    deflateEnd(&z);
}

static void put_zstd(struct build *out, const uint8_t *data, size_t bytes)
{
    size_t room = ZSTD_compressBound(bytes);
    uint8_t *at = build_more(out, room);
    size_t made = ZSTD_compress(at, room, data, bytes, 1);
    assert_false(ZSTD_isError(made));
    out->bytes -= room - made;
}

typedef void put_packed(struct build *out, const uint8_t *data, size_t bytes);
static put_packed *const packers[] = {put_gzip, put_zstd};

struct writer {
    int fd;
    const uint8_t *data;
    size_t bytes, step;
    pthread_t thread;
};

static void *write_all(void *arg)
{
    struct writer *w = arg;
    for (size_t at = 0; at < w->bytes;) {
        size_t step = w->bytes - at < w->step ? w->bytes - at : w->step;
        ssize_t n = write(w->fd, w->data + at, step);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    close(w->fd);
    return NULL;
}

/* Through a pipe on standard input, written step bytes at a time. */
static struct outcome read_stdin(const struct build *b, size_t step)
{
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    struct writer w = {.fd = ends[1], .data = b->data, .bytes = b->bytes, .step = step};
    assert_int_equal(pthread_create(&w.thread, NULL, write_all, &w), 0);
    struct outcome o = read_by("-", DS_CAPTURE_BATCH);
    pthread_join(w.thread, NULL);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    } else {
        close(STDIN_FILENO);
    }
    return o;
}

static void assert_same(const struct outcome *o, const struct outcome *expected)
{
    assert_ended(o, expected->packets);
    assert_true(o->digest == expected->digest);
}

static void test_same_by_every_way(void **state)
{
    const struct place *p = *state;
    struct build plain = {0};
    build_large(&plain);
    struct outcome expected = read_bytes(p, plain.data, plain.bytes);
    assert_ended(&expected, PACKETS);
    static const size_t batches[] = {1, 7, 63};
    for (size_t i = 0; i < COUNT(batches); i++) {
        struct outcome o = read_by(p->path, batches[i]);
        assert_same(&o, &expected);
    }
    struct outcome o = read_stdin(&plain, 1 << 20);
    assert_same(&o, &expected);
    for (size_t i = 0; i < COUNT(packers); i++) {
        struct build packed = {0};
        packers[i](&packed, plain.data, plain.bytes);
        o = read_bytes(p, packed.data, packed.bytes);
        assert_same(&o, &expected);
        o = read_stdin(&packed, 4096);
        assert_same(&o, &expected);
        /* Two members (frames), cut inside a record. */
        packed.bytes = 0;
        packers[i](&packed, plain.data, 1000001);
        packers[i](&packed, plain.data + 1000001, plain.bytes - 1000001);
        o = read_bytes(p, packed.data, packed.bytes);
        assert_same(&o, &expected);
        free(packed.data);
    }
    free(plain.data);
}

static void build_small(struct build *b)
{
    pcap_header(b, 0xa1b2c3d4, 4, 1);
    for (unsigned i = 0; i < 5; i++) {
        pcap_record(b, i, 0, 20, 20);
        build_data(b, (uint8_t)(50 * i), 20);
    }
}

/* Whatever the pieces in which bytes come. */
static void test_byte_by_byte(void **state)
{
    struct build plain = {0};
    build_small(&plain);
    struct outcome expected = read_bytes(*state, plain.data, plain.bytes);
    assert_ended(&expected, 5);
    struct outcome o = read_stdin(&plain, 1);
    assert_same(&o, &expected);
    for (size_t i = 0; i < COUNT(packers); i++) {
        struct build packed = {0};
        packers[i](&packed, plain.data, plain.bytes);
        o = read_stdin(&packed, 1);
        assert_same(&o, &expected);
        free(packed.data);
    }
    free(plain.data);
}

/* A packed file cut anywhere is damaged, and gives what could be unpacked. */
static void test_packed_cuts(void **state)
{
    struct build plain = {0};
    build_small(&plain);
    for (size_t i = 0; i < COUNT(packers); i++) {
        struct build packed = {0};
        packers[i](&packed, plain.data, plain.bytes);
        size_t before = 0;
        for (size_t cut = 0; cut < packed.bytes; cut++) {
            struct outcome o = read_bytes(*state, packed.data, cut);
            if (!o.opened) {
                assert_int_equal(o.err.status, DS_INPUT);
                assert_int_equal(before, 0);
                continue;
            }
            assert_failed(&o, o.packets, DS_DAMAGED, "the compressed data ends too early");
            assert_true(o.packets >= before);
            before = o.packets;
        }
        assert_true(i != 0 || before == 5); /* all but the check sum of gzip was there */
        free(packed.data);
    }
    free(plain.data);
}

static void test_packed_damage(void **state)
{
    struct build plain = {0}, packed = {0};
    build_small(&plain);
    put_gzip(&packed, plain.data, plain.bytes);
    packed.data[packed.bytes - 8] ^= 1;
    struct outcome o = read_bytes(*state, packed.data, packed.bytes);
    assert_failed(&o, 5, DS_DAMAGED, "incorrect data check");
    packed.data[packed.bytes - 8] ^= 1;
    memset(build_more(&packed, 512), 0, 512); /* padding, as of a tape */
    o = read_bytes(*state, packed.data, packed.bytes);
    assert_ended(&o, 5);
    memset(build_more(&packed, 8), 'x', 8);
    o = read_bytes(*state, packed.data, packed.bytes);
    assert_failed(&o, 5, DS_DAMAGED, "incorrect header check");
    free(packed.data);
    free(plain.data);
}

static void test_refused_content(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *text;
    } contents[] = {
        {"", 0, "is empty"},
        {"\xd4", 1, "too short"},
        {"\x1f\x8b", 2, "the compressed data ends too early"},
        {"#include", 8, "is not a capture: begins with 23 69 6e 63"},
        {"\xfd\x37zXZ\0", 6, "xzcat"},
        {"\x1f\x8b\x08xxxxxxxxxxxxx", 16, "cannot be read: "},
        {"\xd4\xc3\xb2\xa1\x03\0\4\0xxxxxxxxxxxxxxxx", 24, "is pcap version 3.4"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0\x1a\x2b\x3c\x4e................", 28, "header is damaged"},
    };
    const struct place *p = *state;
    for (size_t i = 0; i < COUNT(contents); i++) {
        struct outcome o = read_bytes(p, contents[i].bytes, contents[i].count);
        assert_refused(&o, DS_INPUT, contents[i].text);
        assert_non_null(strstr(o.err.text, p->path));
    }
}

/* A pipe is looked at by the first read. */
static void test_refused_pipe(void **state)
{
    struct build b = {0};
    struct outcome o = read_stdin(&b, 1);
    assert_failed(&o, 0, DS_INPUT, "standard input: is empty");
    build_data(&b, 1, 30);
    o = read_stdin(&b, 1);
    assert_failed(&o, 0, DS_INPUT, "standard input: is not a capture: begins with 01 02 03 04");
    free(b.data);
}

static void test_refused_path(void **state)
{
    const struct place *p = *state;
    struct outcome o = read_by(p->dir, 1);
    assert_refused(&o, DS_INPUT, "is a directory");
    unlink(p->path);
    o = read_by(p->path, 1);
    assert_refused(&o, DS_INPUT, "no such file");
    /* However long its name, the message keeps its sense. */
    char long_path[1000];
    memset(long_path, 'x', sizeof long_path);
    memcpy(long_path + sizeof long_path - 5, "/end", 5);
    o = read_by(long_path, 1);
    assert_refused(&o, DS_INPUT, "/end: cannot open: File name too long");

    write_file(p, "", 0);
    assert_int_equal(chmod(p->path, 0), 0);
    assert_int_equal(chmod(p->dir, 0755), 0);
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    o = read_by(p->path, 1);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_refused(&o, DS_PERMISSION, "permission denied");
}

static void *stop_capture(void *arg)
{
    struct ds_capture *c = arg;
    c->ops->stop(c);
    return NULL;
}

/* A pipe that falls silent after some bytes of a capture of 5 packets: stop ends the read, whether
 * it waits already or not. */
static void check_stop(const char *path, const struct build *b, size_t bytes, int packets)
{
    struct ds_capture *c;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    struct ds_error err;
    pthread_t thread;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->data, bytes), bytes);
    assert_int_equal(ds_capture_open_file(path, &c, &err), 0);
    if (packets)
        assert_int_equal(c->ops->read(c, frames, DS_CAPTURE_BATCH, &err), packets);
    assert_int_equal(pthread_create(&thread, NULL, stop_capture, c), 0);
    assert_int_equal(c->ops->read(c, frames, DS_CAPTURE_BATCH, &err), DS_CAPTURE_ENDED);
    pthread_join(thread, NULL);
    assert_int_equal(c->ops->read(c, frames, DS_CAPTURE_BATCH, &err), DS_CAPTURE_ENDED);
    c->ops->destroy(c);
    close(fd);
}

static void test_stop(void **state)
{
    const struct place *p = *state;
    struct build b = {0}, ng = {0}, packed = {0};
    build_small(&b);
    ng_section(&ng);
    put_gzip(&packed, b.data, b.bytes);
    unlink(p->path);
    assert_int_equal(mkfifo(p->path, 0600), 0);
    for (int i = 0; i < 50; i++) {
        check_stop(p->path, &b, b.bytes, 5);
        check_stop(p->path, &b, b.bytes - 1, 4);
        check_stop(p->path, &b, 10, 0);
        check_stop(p->path, &b, 0, 0);
        check_stop(p->path, &ng, 20, 0);
        check_stop(p->path, &packed, 20, 0);
    }
    unlink(p->path);
    free(b.data);
    free(ng.data);
    free(packed.data);
}

static void test_fake(void **state)
{
    static const uint8_t data[] = {1, 2, 3};
    static const struct ds_frame in[] = {
        {data, 1, 1, 10, 1}, {data + 1, 1, 2, 20, 1}, {data + 2, 1, 3, 30, 101}};
    struct ds_capture *c;
    struct ds_frame out[DS_CAPTURE_BATCH];
    assert_int_equal(ds_capture_open_fake(in, 3, 2, &c), 0);
    assert_int_equal(c->ops->read(c, out, DS_CAPTURE_BATCH, NULL), 2);
    assert_ptr_equal(out[1].data, data + 1);
    assert_int_equal(c->ops->read(c, out, DS_CAPTURE_BATCH, NULL), 1);
    assert_int_equal(out[0].link, 101);
    assert_int_equal(c->ops->read(c, out, DS_CAPTURE_BATCH, NULL), DS_CAPTURE_ENDED);
    c->ops->destroy(c);
    assert_int_equal(ds_capture_open_fake(in, 3, 2, &c), 0);
    c->ops->stop(c);
    assert_int_equal(c->ops->read(c, out, DS_CAPTURE_BATCH, NULL), DS_CAPTURE_ENDED);
    const struct ds_capture_ops *ops = c->ops;
    ops->destroy(c);
    ops->destroy(NULL);
}

static size_t read_all(struct ds_capture *c)
{
    struct ds_frame frames[DS_CAPTURE_BATCH];
    struct ds_error err;
    size_t packets = 0;
    int n;
    for (; (n = c->ops->read(c, frames, DS_CAPTURE_BATCH, &err)) > 0; packets += (size_t)n)
        ;
    assert_int_equal(n, DS_CAPTURE_ENDED);
    c->ops->destroy(c);
    return packets;
}

/* A file that grows meanwhile ends for all its readers where it ended when the first came to share
 * it. */
static void test_read_side_by_side(void **state)
{
    const struct place *p = *state;
    struct build b = {0}, packed = {0};
    struct ds_capture *readers[3];
    struct ds_error err;
    pcap_header(&b, 0xa1b2c3d4, 4, 1);
    size_t packets = 40000; /* more than one read takes */
    for (unsigned i = 0; i < packets; i++) {
        pcap_record(&b, i, 0, 20, 20);
        build_data(&b, (uint8_t)i, 20);
    }
    write_file(p, b.data, b.bytes);
    assert_int_equal(ds_capture_open_file(p->path, &readers[0], &err), 0);
    assert_true(ds_capture_is_plain(readers[0]));
    readers[1] = ds_capture_open_again(readers[0]);
    FILE *more = fopen(p->path, "ab");
    assert_true(more && fwrite(b.data + 24, 1, b.bytes - 24, more) == b.bytes - 24);
    assert_int_equal(fclose(more), 0);
    readers[2] = ds_capture_open_again(readers[0]);
    for (unsigned i = 0; i < COUNT(readers); i++) {
        assert_non_null(readers[i]);
        assert_int_equal(read_all(readers[i]), packets);
    }
    put_gzip(&packed, b.data, b.bytes);
    write_file(p, packed.data, packed.bytes);
    assert_int_equal(ds_capture_open_file(p->path, &readers[0], &err), 0);
    assert_false(ds_capture_is_plain(readers[0]));
    readers[0]->ops->destroy(readers[0]);
    free(b.data);
    free(packed.data);
}

/* What needs no rights; the rest is tested over a veth pair. */
static void test_live_refused(void **state)
{
    const struct ds_capture_live options = {.interface = "no-such-if0",
                                            .buffer_bytes = 1 << 20,
                                            .timeout_ms = 100,
                                            .snaplen = 256,
                                            .threads = 2};
    struct ds_capture *c = NULL;
    struct ds_error err;
    assert_int_equal(ds_capture_open_live(&options, &c, &err), -1);
    assert_null(c);
    assert_true(err.status == DS_NETWORK || err.status == DS_PERMISSION);
    assert_non_null(strstr(err.text, "interface no-such-if0: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_by_every_way),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_packed_cuts),
        cmocka_unit_test(test_packed_damage),
        cmocka_unit_test(test_refused_content),
        cmocka_unit_test(test_refused_pipe),
        cmocka_unit_test(test_refused_path),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_fake),
        cmocka_unit_test(test_read_side_by_side),
        cmocka_unit_test(test_live_refused),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
