/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(const char *what, struct ds_error *err)
{
    return ds_error(err, DS_PERMISSION, "cannot give up privileges: %s: %s", what, strerror(errno));
}

static int forbid_core_dumps(struct ds_error *err)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
        return failed("core dumps", err);
    return 0;
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
    if (drop_capabilities(err) || forbid_core_dumps(err))
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return failed("no new privileges", err);
    return ds_sandbox_enter(err);
}
