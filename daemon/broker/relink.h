/* SPDX-License-Identifier: MIT */
/*
 * A new link for a pump of the broker before. The broker makes both ends. A hand gives the pump its
 * end, and the broker the pump's report. The broker itself takes nothing from a pump: that can have
 * been taken over, and then whoever looks at what it has, or closes it, may have to wait for ever.
 */
#ifndef ZCRXD_RELINK_H
#define ZCRXD_RELINK_H

struct pump;

/*
 * Has p->far_end given to the pump. If no hand can be started, or the kernel is short of something,
 * it is tried again a while later, for a minute. The pump is ended if it has no place for a link.
 */
void relink(struct pump *p);

#endif
