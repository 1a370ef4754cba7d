/* SPDX-License-Identifier: Apache-2.0
 *
 * A SYN as a signature of p0f 3, for people: what the class of device was made of. Not for the
 * packet path. Pure.
 */
#ifndef DARKSCOPE_P0F_H
#define DARKSCOPE_P0F_H

#include "packet.h"

#define DS_P0F_OPTIONS_MAX 24  /* as p0f's MAX_TCP_OPT: what comes behind is quirk "bad" */
#define DS_P0F_TEXT        320 /* bytes of the longest text with its NUL */

/* Writes ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass, as in p0f's README, chapter 5, of the
 * SYN that begins at ip and was parsed into p:
 *
 *   4:64:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0
 *
 * The initial TTL is the received one rounded up to 32, 64, 128 or 255. True; false and an empty
 * text where p is no TCP SYN or its header was not captured whole. */
bool ds_p0f_print(const uint8_t *ip, const struct ds_packet *p, char out[static DS_P0F_TEXT]);

#endif
