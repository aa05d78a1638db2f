#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whose memory is whose, in the VM: a zcrxd whose cgroup has less than its clients' areas."""
import os
import socket
import sys
import time

from service import COPY, ZCRX, Service, expect, transfer, uncomplaining, zero_copy
from guest import Tally, do, only_in_guest

sys.path.append(os.path.join(os.environ.get("ZCRX_SOURCE_DIR", "."), "tests", "python"))
from client import Area, Connection, Queue, memfd  # noqa: E402  (where it lies is known only now)

MIB = 1 << 20
AREA, LIMIT = 192 * MIB, 48 * MIB
GROUP = "/sys/fs/cgroup/zcrxd"


def write(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(text)


def read(name):
    with open(os.path.join(GROUP, name), encoding="ascii") as f:
        return f.read()


def confined(service):
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        do("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
    os.mkdir(GROUP)
    write(os.path.join(GROUP, "memory.max"), str(LIMIT))
    write(os.path.join(GROUP, "cgroup.procs"), str(service.process.pid))


def unharmed(service):
    expect("zcrxd lives", service.process.poll() is None, read("memory.events"))
    expect("it never met its limit", "\nmax 0\n" in read("memory.events"), read("memory.events"))
    expect("the areas are others'", int(read("memory.current")) < AREA // 8, read("memory.current"))


def untouched(service):
    """What nobody ever touched costs nobody anything."""
    with Connection(service.socket) as connection:
        fd = memfd(AREA)
        connection.request("AREA_ADD", [fd], length=AREA, kind=1)
        unharmed(service)
        os.close(fd)


def by_copy(service):
    """Every page of the area holds data at once."""
    with Connection(service.socket) as connection:
        queue = Queue(connection, Area(connection, AREA), backend=COPY, cq_entries=32768)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            queue.adopt(listener.accept()[0])
        peer.setblocking(False)
        data, got, end = bytes(MIB), 0, time.monotonic() + 60
        while got < AREA - 32 * MIB and time.monotonic() < end:
            try:
                peer.send(data)
            except BlockingIOError:
                queue.wait(0.05)
            got += sum(len(e[2]) for e in queue.reap() if e[0] == "data")
        expect("most of the area is filled", got >= AREA - 32 * MIB, got)
        unharmed(service)


def by_zero_copy(service):
    """All of it is pinned."""
    zero_copy(transfer(service, 27000, 1, 8 * MIB, options=(f"area={AREA}", f"backend={ZCRX}")))
    unharmed(service)


def main():
    only_in_guest()
    tally = Tally()
    with Service(classes=f"[class default]\nnics=zc0\narea-bytes={AREA + 16 * MIB}\n") as service:
        tally.run("a group of its own", confined, service)
        for step in untouched, by_copy, by_zero_copy:
            tally.run(f"{step.__name__.replace('_', ' ')}: zcrxd does not pay", step, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
