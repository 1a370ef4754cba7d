/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a thread sleeps until another has something for it. The rings are lock-free; this is only
 * for the moments when they are empty or full.
 *
 * The sleeper announces itself (prepare), looks once more at what it waits for, and sleeps; the
 * other side makes its change visible and then looks for the announcement (signal). All four
 * accesses are sequentially consistent, so at least one side sees the other: no wake-up is lost.
 * A wake-up too many does no harm, sleepers look again.
 */
#ifndef DARKSCOPE_GATE_H
#define DARKSCOPE_GATE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Says to the core that this is a waiting loop. */
static inline void ds_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct ds_gate {
    atomic_bool waiting;
    sem_t semaphore;
};

int ds_gate_init(struct ds_gate *g); /* 0, or -1 with errno */
void ds_gate_finish(struct ds_gate *g);

/* One sleeper at a time. */
static inline void ds_gate_prepare(struct ds_gate *g)
{
    atomic_store(&g->waiting, true);
}

static inline void ds_gate_cancel(struct ds_gate *g)
{
    atomic_store(&g->waiting, false);
}

/* After prepare. Returns when signalled, interrupted or after the timeout. */
void ds_gate_sleep(struct ds_gate *g, int64_t timeout_ns);

/* Any thread. The change must have been made with a sequentially consistent store. */
static inline void ds_gate_signal(struct ds_gate *g)
{
    if (atomic_load(&g->waiting) && atomic_exchange(&g->waiting, false))
        sem_post(&g->semaphore);
}

#endif
