/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/harden.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The limit is for files; a program that takes core dumps asks only whether we may be dumped. */
int ds_harden(struct ds_error *err)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
        return ds_error(err, DS_PERMISSION, "cannot forbid core dumps: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return ds_error(err, DS_PERMISSION, "cannot forbid new privileges: %s", strerror(errno));
    return 0;
}

void ds_hold_hangup(void)
{
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
}
