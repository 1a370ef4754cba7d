/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <errno.h>

int ds_schedule_init(struct ds_schedule *s, unsigned members, int64_t length_ns,
                     int64_t lateness_ns)
{
    *s = (struct ds_schedule){.members = members, .reading = members};
    ds_timeline_init(&s->timeline, length_ns, lateness_ns);
    errno = pthread_mutex_init(&s->lock, NULL);
    if (errno)
        return -1;
    errno = pthread_cond_init(&s->changed, NULL);
    if (!errno)
        return 0;
    pthread_mutex_destroy(&s->lock);
    return -1;
}

void ds_schedule_finish(struct ds_schedule *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

/* All below, up to the public functions, is called with the lock. */

/* What the member saw since it last looked here. The latest time counts while its window is the
 * oldest open one: the threads that closed that window have seen a later time. */
static void merge(struct ds_schedule *s, const struct ds_schedule_member *m)
{
    struct ds_timeline *t = &s->timeline;
    t->behind = m->view.behind;
    if (m->view.started && m->view.oldest == t->oldest && m->view.newest_ns > t->newest_ns)
        t->newest_ns = m->view.newest_ns;
}

static struct ds_schedule_span span_of(int64_t from_ns, int64_t last_ns, int64_t origin_ns)
{
    uint8_t before_s = (uint8_t)((from_ns - origin_ns) / DS_NS_PER_S);
    return (struct ds_schedule_span){from_ns, last_ns, origin_ns, before_s};
}

static void refresh(const struct ds_schedule *s, struct ds_schedule_member *m)
{
    m->view = s->timeline;
    if (!m->view.started) {
        m->from_ns = m->next_ns = m->until_ns = 0;
    } else if (m->view.length_ns == 0) {
        int64_t origin_ns = m->view.origin_ns, last_ns = origin_ns + UINT32_MAX * DS_NS_PER_MS;
        m->from_ns = m->view.first_ns > origin_ns ? m->view.first_ns : origin_ns;
        m->next_ns = DS_TIMELINE_TIME_MAX_NS;
        m->until_ns = last_ns;
        m->open[0] = span_of(origin_ns, last_ns, origin_ns);
    } else {
        m->from_ns = m->view.start_ns;
        m->next_ns = m->from_ns + m->view.length_ns;
        m->until_ns = m->next_ns + m->view.lateness_ns;
        m->open[0] = span_of(m->from_ns, m->next_ns - 1, m->view.origin_ns);
        m->open[1] = span_of(m->next_ns, m->next_ns + m->view.length_ns - 1,
                             ds_timeline_origin_ns(m->next_ns));
    }
}

static void publish(struct ds_schedule *s)
{
    s->untold = s->members;
    atomic_store_explicit(&s->closed_now, s->closed.number, memory_order_relaxed);
    pthread_cond_broadcast(&s->changed);
}

/* Tells the member of the last closed window, unless it knows. */
static bool tell(struct ds_schedule *s, struct ds_schedule_member *m, struct ds_epoch *closed)
{
    if (m->told == s->closed.number)
        return false;
    m->told = s->closed.number;
    *closed = s->closed;
    if (--s->untold == 0)
        pthread_cond_broadcast(&s->changed);
    refresh(s, m);
    return true;
}

bool ds_schedule_advance(struct ds_schedule *s, struct ds_schedule_member *m, int64_t time_ns,
                         struct ds_epoch *closed)
{
    pthread_mutex_lock(&s->lock);
    merge(s, m);
    if (m->told == s->closed.number) {
        if (s->untold)
            ds_timeline_hold(&s->timeline, time_ns);
        else if (ds_timeline_advance(&s->timeline, time_ns, &s->closed))
            publish(s);
    }
    bool news = tell(s, m, closed);
    if (!news)
        refresh(s, m);
    pthread_mutex_unlock(&s->lock);
    return news;
}

bool ds_schedule_news(struct ds_schedule *s, struct ds_schedule_member *m, struct ds_epoch *closed)
{
    if (!ds_schedule_has_news(s, m))
        return false;
    pthread_mutex_lock(&s->lock);
    merge(s, m);
    bool news = tell(s, m, closed);
    pthread_mutex_unlock(&s->lock);
    return news;
}

struct ds_schedule_place ds_schedule_assign(struct ds_schedule_member *m, int64_t time_ns)
{
    struct ds_schedule_place p;
    p.epoch = ds_timeline_assign(&m->view, time_ns, &p.late);
    /* A window that could not be closed in time is not this packet's. */
    if (m->view.length_ns && time_ns >= m->next_ns + m->view.length_ns)
        p.late = true;
    const struct ds_schedule_span *s = &m->open[p.epoch - m->view.oldest];
    int64_t ns = time_ns < s->from_ns ? s->from_ns : time_ns;
    ns = ns > s->last_ns ? s->last_ns : ns;
    p.ms = (uint32_t)((uint64_t)(ns - s->origin_ns) / (uint64_t)DS_NS_PER_MS);
    p.before_s = s->before_s;
    return p;
}

bool ds_schedule_leave(struct ds_schedule *s, struct ds_schedule_member *m, struct ds_epoch *closed)
{
    bool news;
    pthread_mutex_lock(&s->lock);
    merge(s, m);
    if (!m->left) {
        m->left = true;
        if (--s->reading == 0)
            pthread_cond_broadcast(&s->changed);
    }
    while (!(news = tell(s, m, closed))) {
        if (s->reading || s->untold) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        if (!ds_timeline_finish(&s->timeline, &s->closed))
            break;
        publish(s);
    }
    pthread_mutex_unlock(&s->lock);
    return news;
}

void ds_schedule_drop(struct ds_schedule *s, struct ds_schedule_member *m)
{
    pthread_mutex_lock(&s->lock);
    s->members--;
    s->reading--;
    if (m->told != s->closed.number)
        s->untold--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}
