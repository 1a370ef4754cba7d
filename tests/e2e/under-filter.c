/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program that may make the system calls of a list alone, and is killed at any other, as
 * SystemCallFilter= of systemd has it.
 *
 *   under-filter "NAME NAME ..." PROGRAM [ARGUMENT...]
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (argc < 3 || !filter)
        return EXIT_FAILURE;
    for (char *name = strtok(argv[1], " "); name; name = strtok(NULL, " ")) {
        int call = seccomp_syscall_resolve_name(name);
        if (call >= 0 && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) < 0)
            return EXIT_FAILURE;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(filter) < 0) {
        perror("under-filter");
        return EXIT_FAILURE;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return EXIT_FAILURE;
}
