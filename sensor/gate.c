/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include <time.h>

int ds_gate_init(struct ds_gate *g)
{
    atomic_init(&g->waiting, false);
    return sem_init(&g->semaphore, 0, 0);
}

void ds_gate_finish(struct ds_gate *g)
{
    sem_destroy(&g->semaphore);
}

void ds_gate_sleep(struct ds_gate *g, int64_t timeout_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_ns;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    sem_clockwait(&g->semaphore, CLOCK_MONOTONIC, &until);
    ds_gate_cancel(g);
}
