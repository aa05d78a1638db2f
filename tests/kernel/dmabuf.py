#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every kind of dma-buf takes payload, in the VM: by devmem and as a zcrx area, each byte checked."""
from guest import Tally, data_split, only_in_guest, quiet, steered, transfer

QUEUE = 2
BYTES = 12 << 20  # three times what the receivers' memory holds


def receive(way, memory, version, port):
    with steered(port, QUEUE, (version,)):
        transfer(way, port, BYTES, memory=memory, queue=QUEUE, version=version)
    quiet()


def main():
    only_in_guest()
    data_split()
    tally = Tally()
    port = 5300
    for way in ("devmem", "zcrx"):
        for memory in ("udmabuf", "system", "vgem"):
            for version in (4, 6):
                port += 1
                tally.run(f"{way}, {memory}, IPv{version}", receive, way, memory, version, port)
    tally.run("zcrx, plain memory, IPv4", receive, "zcrx", "plain", 4, port + 1)
    tally.exit()


main()
