/* SPDX-License-Identifier: Apache-2.0 */
#include "linktype.h"
#include "../capture.h"

#define LINK_RAW 101

uint16_t ds_linktype_normal(uint16_t number)
{
    return number == 12 || number == 14 ? LINK_RAW : number;
}

bool ds_capture_link_known(uint16_t link)
{
    switch (link) {
    case 0:   /* NULL */
    case 1:   /* ETHERNET */
    case 9:   /* PPP */
    case 50:  /* PPP_HDLC */
    case 51:  /* PPP_ETHER */
    case 101: /* RAW */
    case 108: /* LOOP */
    case 113: /* LINUX_SLL */
    case 228: /* IPV4 */
    case 229: /* IPV6 */
    case 276: /* LINUX_SLL2 */
        return true;
    default:
        return false;
    }
}
