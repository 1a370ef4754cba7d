/* SPDX-License-Identifier: Apache-2.0
 *
 * A wrong clock for a program that is started with this library in LD_PRELOAD and
 * DARKSCOPE_CLOCK=FILE: the time of day is off by as many nanoseconds as the 64-bit number in FILE
 * says at the moment.
 */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* Set once, before main. */
static const volatile int64_t *shift_ns;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("DARKSCOPE_CLOCK");
    if (!path)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *at = mmap(NULL, sizeof *shift_ns, PROT_READ, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        abort();
    close(fd);
    shift_ns = at;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int result =
        (__extension__(__typeof__(&clock_gettime)) dlsym(RTLD_NEXT, "clock_gettime"))(clock, out);
    if (result || clock != CLOCK_REALTIME || !shift_ns)
        return result;
    int64_t ns = out->tv_sec * INT64_C(1000000000) + out->tv_nsec + *shift_ns;
    out->tv_sec = ns / NS_PER_S;
    out->tv_nsec = ns % NS_PER_S;
    return 0;
}
