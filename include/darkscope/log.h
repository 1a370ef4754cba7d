/* SPDX-License-Identifier: Apache-2.0
 *
 * One line per event on standard error: "program: level: text". Not for the packet path.
 * Thread-safe. Never pass a destination address: logs are outputs, and the telescope's addresses
 * are secret.
 */
#ifndef DARKSCOPE_LOG_H
#define DARKSCOPE_LOG_H

enum ds_log_level { DS_LOG_DEBUG, DS_LOG_INFO, DS_LOG_WARNING, DS_LOG_ERROR };

/* Call first in main: standard streams that are closed are reserved, so that nothing else gets
 * their numbers. The name is borrowed for the life of the program. */
void ds_log_init(const char *program, enum ds_log_level lowest);
void ds_log(enum ds_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
