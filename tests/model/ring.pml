/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol of sensor/ring.h and sensor/gate.h, for spin: capture threads and workers, a ring
 * between each two of them, each worker's gate for data, each capture thread's gate for room. run.py
 * checks it and the mutants below. Each access to shared memory in the C code is one step here. The
 * timeouts of the sleeps are left out, so that a lost wake-up is a deadlock; so are the spins before
 * them.
 *
 * Checked over all interleavings, within the bounds:
 *   - every slot is delivered once and in order (assertion in read_slots);
 *   - no slot is overwritten before it was read (assertion in send);
 *   - no wake-up is lost: all threads come to their ends (no invalid end state, no cycle).
 *
 * The producer publishes after any number of slots and the consumer takes any number of those it
 * sees, which includes all sizes of batches. A producer puts each item into a ring of its choice.
 *
 * Not covered: memory orderings. spin's memory is sequentially consistent. What acquire and release
 * do for the slots' bytes is argued in ring.h. Why the gates need sequentially consistent stores is
 * shown here: where the store of head, tail or waiting may stay in a store buffer while its thread
 * goes on to the next load, as a release store may on any machine, a wake-up is lost (mutants
 * BUFFERED_*); with a fence behind the store (FENCED) none is. Counters do not wrap here, and
 * neither do they in ring.h.
 *
 * Mutants, of which each must be rejected:
 *   NO_LOOK_DATA, NO_LOOK_ROOM          sleeps without the second look
 *   STALE_LOOK_DATA, STALE_LOOK_ROOM    the second look is at the private copy
 *   LOOK_FIRST                          the second look comes before the announcement
 *   LOOK_AT_ONE                         the second look is at one ring of several
 *   SIGNAL_BEFORE_HEAD, _TAIL           looks for sleepers before the store
 *   CLEAR_AFTER_POST                    the waker takes the announcement back after it has posted
 *   HEAD_BEFORE_FILL                    publishes slots that are still to be filled
 *   TAIL_BEFORE_READ                    releases slots that are still to be read
 *   ONE_TOO_MANY                        the producer takes a full ring for one with room
 *   NO_PUBLISH_BEFORE_WAIT              waits for room before the consumer can see what to read
 *   LOOP_WITHOUT_SLEEP                  looks again and again instead of sleeping
 *   BUFFERED_HEAD, _TAIL, _WAITING      a store is not sequentially consistent
 */
#ifndef CAPTURES
#define CAPTURES 1
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef ITEMS
#define ITEMS 4 /* of each producer, and an END to each worker behind them */
#endif

#define RINGS      (CAPTURES * WORKERS)
#define RING(c, w) ((c) * WORKERS + (w))
#define SLOT(r, n) slots[(r) * SLOTS + (n) % SLOTS]
#define END        128 /* on a slot's number: nothing more will come */

#define GATES   (WORKERS + CAPTURES)
#define DATA(w) (w)
#define ROOM(c) (WORKERS + (c))

/* Shared memory. */
byte head[RINGS], tail[RINGS];
byte slots[RINGS * SLOTS]; /* an item's number in its ring, from 1 */
bool waiting[GATES];
byte semaphore[GATES];

/* What the model knows, and no thread: slots whose bytes are not read any more. */
byte finished[RINGS];

/* A store buffer of one entry for each variable: memory gets the value at some later time. */
#if defined(BUFFERED_HEAD) || defined(BUFFERED_TAIL) || defined(BUFFERED_WAITING)
#if defined(BUFFERED_WAITING)
#define PLACES GATES
#else
#define PLACES RINGS
#endif
bool buffered[PLACES];
byte buffer[PLACES];

inline store(place, value)
{
    atomic { !buffered[place]; buffer[place] = value; buffered[place] = true };
#ifdef FENCED
    !buffered[place]
#endif
}

active [PLACES] proctype store_buffer()
{
    byte place = _pid;
end:
    do
    :: d_step {
           buffered[place];
#if defined(BUFFERED_HEAD)
           head[place] = buffer[place];
#elif defined(BUFFERED_TAIL)
           tail[place] = buffer[place];
#else
           waiting[place] = buffer[place];
#endif
           buffer[place] = 0;
           buffered[place] = false
       }
    od
}
#endif

#ifdef BUFFERED_HEAD
#define STORE_HEAD(r, v) store(r, v)
#define OWN_HEAD(r)      (buffered[r] -> buffer[r] : head[r]) /* a thread sees its own stores */
#else
#define STORE_HEAD(r, v) head[r] = v
#define OWN_HEAD(r)      head[r]
#endif
#ifdef BUFFERED_TAIL
#define STORE_TAIL(r, v) store(r, v)
#else
#define STORE_TAIL(r, v) tail[r] = v
#endif
#ifdef BUFFERED_WAITING
#define STORE_WAITING(g, v) store(g, v)
#else
#define STORE_WAITING(g, v) waiting[g] = v
#endif

/* ---- gate.h ---- */

inline gate_signal(g)
{
    if
    :: waiting[g] ->
#ifdef CLEAR_AFTER_POST
        semaphore[g]++;
        waiting[g] = false
#else
        if /* the exchange: one step */
        :: d_step { waiting[g] -> waiting[g] = false } -> semaphore[g]++
        :: !waiting[g]
        fi
#endif
    :: else
    fi
}

inline gate_sleep(g)
{
#ifndef LOOP_WITHOUT_SLEEP
    d_step { semaphore[g] > 0 -> semaphore[g]-- };
#endif
    STORE_WAITING(g, false)
}

/* ---- ring.h, producer; c, filled and tail_seen are the thread's own ---- */

inline publish(r)
{
    if
    :: OWN_HEAD(r) == filled[r % WORKERS]
    :: else ->
#ifdef SIGNAL_BEFORE_HEAD
        gate_signal(DATA(r % WORKERS));
        STORE_HEAD(r, filled[r % WORKERS])
#else
        STORE_HEAD(r, filled[r % WORKERS]);
        gate_signal(DATA(r % WORKERS))
#endif
    fi
}

#ifdef STALE_LOOK_ROOM
#define IS_FULL(r) (filled[r % WORKERS] - tail_seen[r % WORKERS] >= SLOTS)
#else
#define IS_FULL(r) (filled[r % WORKERS] - tail[r] >= SLOTS)
#endif

inline wait_room(r)
{
#ifndef NO_PUBLISH_BEFORE_WAIT
    publish(r);
#endif
    do
    :: IS_FULL(r) ->
        STORE_WAITING(ROOM(c), true);
#ifdef NO_LOOK_ROOM
        gate_sleep(ROOM(c))
#else
        if
        :: IS_FULL(r) -> gate_sleep(ROOM(c))
        :: else -> STORE_WAITING(ROOM(c), false)
        fi
#endif
    :: else -> break
    od
}

#ifdef ONE_TOO_MANY
#define SEEN_FULL(w) (filled[w] - tail_seen[w] > SLOTS)
#else
#define SEEN_FULL(w) (filled[w] - tail_seen[w] >= SLOTS)
#endif

/* Reserves, waits where it must, fills and commits. */
inline send(w, mark)
{
    do
    :: !SEEN_FULL(w) -> break
    :: else ->
        tail_seen[w] = tail[RING(c, w)];
        if
        :: SEEN_FULL(w) -> wait_room(RING(c, w))
        :: else
        fi
    od;
#ifdef HEAD_BEFORE_FILL
    filled[w]++;
    publish(RING(c, w));
    SLOT(RING(c, w), filled[w] - 1) = filled[w] + mark
#else
    atomic {
        assert(filled[w] - finished[RING(c, w)] < SLOTS);
        SLOT(RING(c, w), filled[w]) = filled[w] + 1 + mark;
        filled[w]++
    }
#endif
}

inline publish_all()
{
    w = 0;
    do
    :: w < WORKERS -> publish(RING(c, w)); w++
    :: else -> w = 0; break
    od
}

proctype capture(byte c)
{
    byte filled[WORKERS], tail_seen[WORKERS];
    byte item, w, mark;
    do
    :: item < ITEMS + WORKERS ->
        if
        :: item >= ITEMS -> w = item - ITEMS; mark = END
        :: item < ITEMS -> w = 0
#if WORKERS > 1
        :: item < ITEMS -> w = 1
#endif
        fi;
        send(w, mark);
        item++;
        if
        :: publish_all()
        :: skip /* the batch goes on */
        fi
    :: else -> break
    od;
    publish_all()
}

/* ---- ring.h, consumer; w, taken and head_seen are the thread's own ---- */

/* Any number of those that are ready. */
inline read_slots(r, c)
{
    n = 0;
    do
    :: n < head_seen[c] - taken[c] ->
        d_step {
            assert((SLOT(r, taken[c] + n) & 127) == taken[c] + n + 1);
            ended = ended + SLOT(r, taken[c] + n) / END;
            finished[r]++;
            n++
        }
    :: n > 0 -> break
    od
}

inline signal_room(c)
{
    if
    :: head_seen[c] - taken[c] <= (SLOTS - 1) / 2 -> gate_signal(ROOM(c))
    :: else
    fi
}

inline release(r, c)
{
#ifdef SIGNAL_BEFORE_TAIL
    signal_room(c);
    STORE_TAIL(r, taken[c])
#else
    STORE_TAIL(r, taken[c]);
    signal_room(c)
#endif
}

inline look()
{
    has_data = false;
    c = 0;
    do
#ifdef LOOK_AT_ONE
    :: c < 1 && !has_data ->
#else
    :: c < CAPTURES && !has_data ->
#endif
#ifdef STALE_LOOK_DATA
        has_data = (head_seen[c] != taken[c]);
#else
        has_data = (head[RING(c, w)] != taken[c]);
#endif
        c++
    :: else -> c = 0; break
    od
}

inline wait_data()
{
#ifdef LOOK_FIRST
    look();
    STORE_WAITING(DATA(w), true);
#else
    STORE_WAITING(DATA(w), true);
    look();
#endif
    if
#ifndef NO_LOOK_DATA
    :: has_data -> STORE_WAITING(DATA(w), false)
#endif
    :: else -> gate_sleep(DATA(w))
    fi;
    has_data = false
}

proctype worker(byte w)
{
    byte taken[CAPTURES], head_seen[CAPTURES];
    byte c, n, ended;
    bool idle, has_data;
    do
    :: ended < CAPTURES ->
        idle = true;
        c = 0;
        do
        :: c < CAPTURES ->
            if
            :: head_seen[c] == taken[c] -> head_seen[c] = head[RING(c, w)]
            :: else
            fi;
            if
            :: head_seen[c] == taken[c]
            :: else ->
                idle = false;
#ifdef TAIL_BEFORE_READ
                tail[RING(c, w)] = head_seen[c];
                gate_signal(ROOM(c));
#endif
                read_slots(RING(c, w), c);
                taken[c] = taken[c] + n;
                n = 0;
                release(RING(c, w), c)
            fi;
            c++
        :: else -> c = 0; break
        od;
        if
        :: idle && ended < CAPTURES -> wait_data()
        :: else
        fi
    :: else -> break
    od
}

init {
    byte i;
    atomic {
        do
        :: i < CAPTURES -> run capture(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < WORKERS -> run worker(i); i++
        :: else -> break
        od
    }
}
