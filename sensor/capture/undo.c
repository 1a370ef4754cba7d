/* SPDX-License-Identifier: Apache-2.0 */
#include "undo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What ends the sensor, as Ctrl-C does for all that a terminal started, does not end this. */
static void ignore_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static void await_end(int end)
{
    char byte;
    while (read(end, &byte, 1) < 0 && errno == EINTR)
        ;
}

int ds_undo_start(struct ds_undo *u, void (*undo)(void *), void *arg)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    u->process = fork();
    if (u->process == 0) {
        ignore_signals();
        prctl(PR_SET_NAME, "xdp-undo");
        close(ends[1]);
        await_end(ends[0]);
        undo(arg);
        _exit(0);
    }
    close(ends[0]);
    u->end = ends[1];
    if (u->process < 0) {
        close(ends[1]);
        return -1;
    }
    return 0;
}

void ds_undo_finish(struct ds_undo *u)
{
    close(u->end);
    while (waitpid(u->process, NULL, 0) < 0 && errno == EINTR)
        ;
}
