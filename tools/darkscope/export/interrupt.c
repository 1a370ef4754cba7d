/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals that wait until a file that is being written has been taken away.
 */
#include "exporting.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Those that would end the process: under nohup a hangup does not. */
static sigset_t ends(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
            sigaddset(&set, signals[i]);
    }
    return set;
}

int interrupt_begin(void)
{
    sigset_t set = ends();
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return fd;
}

/* It is not read, so that the signal is still there for interrupt_end. */
bool interrupt_has_come(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&item, 1, 0) > 0;
}

void interrupt_end(int fd)
{
    sigset_t set = ends();
    if (fd < 0)
        return;
    close(fd);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
