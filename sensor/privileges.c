/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include "darkscope/harden.h"
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(const char *what, struct ds_error *err)
{
    return ds_error(err, DS_PERMISSION, "cannot give up privileges: %s: %s", what, strerror(errno));
}

/* The account, or NULL where there is none of that name. */
static const struct passwd *find_account(const char *user, struct ds_error *err)
{
    if (!user && !getpwnam(DS_PRIVILEGES_USER))
        user = DS_PRIVILEGES_FALLBACK;
    const struct passwd *account = getpwnam(user ? user : DS_PRIVILEGES_USER);
    if (!account)
        ds_error(err, DS_CONFIG, "user: there is no such account; make one, or name another");
    return account;
}

static int change_user(const char *user, struct ds_error *err)
{
    const struct passwd *account = find_account(user, err);
    if (!account)
        return -1;
    if (setgroups(0, NULL) || setresgid(account->pw_gid, account->pw_gid, account->pw_gid) ||
        setresuid(account->pw_uid, account->pw_uid, account->pw_uid))
        return failed(account->pw_name, err);
    return 0;
}

/* The bounding set too, as far as we may: what is no longer in it no program can give back. */
static int drop_capabilities(struct ds_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
        syscall(SYS_capset, &header, none))
        return failed("capabilities", err);
    return 0;
}

static void cut_bounding_set(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        prctl(PR_CAPBSET_DROP, capability);
}

int ds_privileges_drop(const char *user, bool is_live, struct ds_error *err)
{
    bool is_root = geteuid() == 0;
    if (!is_root && user)
        return ds_error(err, DS_PERMISSION, "user: only root can become another user");
    if (is_root)
        cut_bounding_set();
    if (is_root && (user || is_live) && change_user(user, err))
        return -1;
    if (drop_capabilities(err) || ds_harden(err))
        return -1;
    return ds_sandbox_enter(err);
}

/* What RLIMIT_DATA counts, in bytes; 0 where it cannot be known. */
static uint64_t data_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int ds_privileges_limit_memory(uint64_t bytes, struct ds_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit))
        return ds_error(err, DS_FAILURE, "memory_mib: %s", strerror(errno));
    if (data_bytes() >= bytes || limit.rlim_cur <= bytes)
        return 0;
    limit.rlim_cur = limit.rlim_max = bytes;
    if (setrlimit(RLIMIT_DATA, &limit))
        return ds_error(err, DS_FAILURE, "memory_mib: %s", strerror(errno));
    return 0;
}
