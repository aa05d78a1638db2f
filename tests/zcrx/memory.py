#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whose memory is whose, in the VM: a zcrxd whose cgroup has less than its clients' areas. And whom the
kernel ends when that cgroup's memory is used up: who uses it, and nobody else."""
import contextlib
import itertools
import mmap
import os
import re
import socket
import subprocess
import sys
import time
import types

from service import (BUILD, COPY, ZCRX, Service, expect, report, sender, transfer, uncomplaining, wait_ready,
                     zero_copy)
from guest import LOCAL, Failed, Tally, do, only_in_guest, until

sys.path.append(os.path.join(os.environ.get("ZCRX_SOURCE_DIR", "."), "tests", "python"))
from client import Area, Connection, Lost, Queue, Refused, memfd  # noqa: E402  (where it lies is known only now)

MIB = 1 << 20
AREA, LIMIT, SHARED = 192 * MIB, 48 * MIB, 160 * MIB
GROUP = "/sys/fs/cgroup/zcrxd"
# A pump that can be taken over; TAKE_MEMORY of tests/taken/order.h.
TAKEN, TAKE_MEMORY = os.path.join(BUILD, "tests", "taken", "room", "zcrxd"), 0x7a6b3c5e
NEIGHBOURS = 3
# Processes of others in the same cgroup: more than its memory together, and each less than a fifth of it.
CROWD, CROWD_EACH = 16, 12 * MIB
UNTOUCHED = 32 * MIB
AREA_MEMORY = 32
PORTS = itertools.count(27100)


def write(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(text)


def read(name):
    with open(os.path.join(GROUP, name), encoding="ascii") as f:
        return f.read()


def confined(service, limit):
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        do("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
    with contextlib.suppress(FileExistsError):
        os.mkdir(GROUP)
    write(os.path.join(GROUP, "memory.max"), str(limit))
    write(os.path.join(GROUP, "cgroup.procs"), str(service.process.pid))
    write(f"/proc/{service.process.pid}/oom_score_adj", "-900")  # as zcrxd.service has it


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


def bare(connection):
    """An area that nobody ever touched, and its memfd."""
    fd = memfd(UNTOUCHED)
    reply, _ = connection.request("AREA_ADD", [fd], length=UNTOUCHED, kind=1)
    return types.SimpleNamespace(id=reply["area_id"], data=mmap.mmap(fd, UNTOUCHED), fd=fd)


def emptied(connection):
    """An area whose memory was punched out."""
    area = bare(connection)
    os.posix_fallocate(area.fd, 0, UNTOUCHED)
    area.data.madvise(mmap.MADV_REMOVE)
    return area


def made(area, before):
    """What there is of the area, and by how much zcrxd's cgroup has grown, in bytes."""
    return os.fstat(area.fd).st_blocks * 512, int(read("memory.current")) - before


def gone(service, area):
    os.close(area.fd)
    area.data.close()
    until("it is charged no more", lambda: service.document()["classes"][0]["used"]["area_bytes"] < UNTOUCHED)


def stream_into(service, make):
    """A stream into an area without memory ends, and nothing is made."""
    with Connection(service.socket) as connection:
        area = make(connection)
        queue = Queue(connection, area, backend=COPY)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            queue.adopt(listener.accept()[0])
        before, found = int(read("memory.current")), []
        peer.send(bytes(MIB))

        def ended():
            queue.channel_read()
            found.extend(queue.reap())
            return [e[2] for e in found if e[0] == "end"]
        until("the flow ends", ended)
        expect("for want of its memory", ended()[0]["reason"] == AREA_MEMORY, ended())
        blocks, grown = made(area, before)
        expect("nothing was made", blocks == 0 and grown < MIB, (blocks, grown))
    gone(service, area)


def without_memory(service):
    """By copy, and by zero copy, which pins the memory: then another backend takes it, or none."""
    for make in bare, emptied:
        stream_into(service, make)
        with Connection(service.socket) as connection:
            area, before = make(connection), int(read("memory.current"))
            try:
                Queue(connection, area, backend=ZCRX)
            except Refused as e:
                expect("for want of its memory", e.reason == "AREA_MEMORY", e)
            else:
                raise Failed("it is pinned")
            blocks, grown = made(area, before)
            expect("nothing was made", blocks == 0 and grown < MIB, (blocks, grown))
        gone(service, area)


class Neighbour:
    """Streams of one client, for as long as they are let; it looks at every byte."""

    def __init__(self, service):
        port = next(PORTS)
        self.client = service.client("listen", LOCAL[4], port, 2, 1 << 40, "open-ended", f"backend={COPY}",
                                     f"area={8 * MIB}")
        wait_ready(self.client)
        self.send = sender("connect", LOCAL[4], port, 2, 1 << 40, "open-ended", "rate=100000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.client, self.send:
            process.kill()
            process.wait(10)

    def end(self):
        expect("the streams went on", self.client.poll() is None and self.send.poll() is None,
               self.client.stderr.read() if self.client.poll() is not None else "the sender ended")
        self.send.stdin.close()
        self.send.stdin = None
        sent, got = report(self.send)["bytes"], report(self.client)
        expect(f"all {sent} bytes", got["bytes"] == sent > 0, got)


@contextlib.contextmanager
def neighbours(service, spared=NEIGHBOURS):
    """Afterwards so many of them have all that they were sent, at least, zcrxd serves the next one, and the
    status has none but them."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(Neighbour(service)) for _ in range(NEIGHBOURS)]
        yield
        expect("zcrxd lives", service.process.poll() is None, read("memory.events"))
        rest = []

        def settled():
            rest[:] = [neighbour for neighbour in found if neighbour.client.poll() is None]
            return len(service.document()["clients"]) == len(rest)
        until("the status has the neighbours only", settled)
        expect("neighbours go on", len(rest) >= spared, len(rest))
        transfer(service, next(PORTS), 1, MIB, options=(f"backend={COPY}",))
        for neighbour in rest:
            neighbour.end()


def all_of_it(service):
    """A pump that was taken over takes all that it gets.

    It is ended first. While it gives its memory back the kernel may end neighbours, on a busy machine more than one
    (docs/security.md says why). Whoever is left loses nothing."""
    with neighbours(service, spared=0), Connection(service.socket) as culprit:
        pump, = (c["pump"] for c in service.document()["clients"] if c["pid"] == os.getpid())
        try:
            culprit.request("AREA_DEL", area_id=TAKE_MEMORY)
        except (Lost, OSError):
            pass
        ended = re.findall(r"Killed process (\d+)", do("dmesg"))
        expect("the kernel ends the culprit's pump first", ended[:1] == [str(pump)], ended)
        print(f"the kernel ended {len(ended)}", flush=True)
        said = f"pid {os.getpid()}) was killed by signal 9: by somebody, or by the kernel for want of memory (its log says so)"
        until("zcrxd says whose pump that was", lambda: said in service.said())


# Forks as many processes as its first argument says, each with so many bytes; says which have ended.
CROWDED = """
import os, sys, time
def child(size):
    memory = bytearray(b"1") * size
    time.sleep(600)
n, size = int(sys.argv[1]), int(sys.argv[2])
for _ in range(n):
    if os.fork() == 0:
        child(size)
while True:
    print(os.wait()[0], flush=True)
"""


def crowd(service):
    """None of the others has much."""
    with neighbours(service):
        others = subprocess.Popen(
            ["sh", "-c", f'echo $$ >{GROUP}/cgroup.procs && exec python3 -c "$0" "$@"', CROWDED, str(CROWD),
             str(CROWD_EACH)], stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            expect("one of them is ended", others.stdout.readline().strip() != "", read("memory.events"))
            time.sleep(2)
        finally:
            os.killpg(others.pid, 9)
            others.wait(10)


def main():
    only_in_guest()
    tally = Tally()
    with Service(classes=f"[class default]\nnics=zc0\narea-bytes={AREA + 16 * MIB}\n") as service:
        tally.run("a group of its own", confined, service, LIMIT)
        for step in untouched, without_memory, by_copy, by_zero_copy:
            tally.run(f"{step.__name__.replace('_', ' ')}: zcrxd does not pay", step, service)
        tally.run("zcrxd ends", service.end)
    with Service(program=TAKEN, classes=f"[class default]\nnics=zc0\narea-bytes={2 * UNTOUCHED}\n") as service:
        tally.run("a group of more", confined, service, SHARED)
        tally.run("all of it: its pump is ended first, zcrxd is not", all_of_it, service)
        tally.run("crowd: nobody else is harmed", crowd, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
