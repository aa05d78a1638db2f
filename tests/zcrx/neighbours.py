#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do clients that mean harm slow others down? A neighbour's throughput with them over that without them.

CULPRITS of them at a time, each with a queue of its own. With the argument copy these queues, and the
neighbour's, are of the backend copy. Further arguments are the behaviours to measure, else all that
harm by what is in shared memory and by what is not taken (HARM). DEMANDS are behaviours that harm by
what they ask for, as fast as it is answered: there the culprits are of one user, whose class has the
limits that docs/security.md has for users who are not trusted (LIMITS). With the argument users= each
of them is a user of its own.

For the machine to which an instruction is a nanosecond (scripts/vm --accel count): throughput is
then what everybody together executes, and how long they wait, and does not depend on what else the
host does. The neighbour's streams follow each other: without, with, with, without, so that what
changes slowly counts for both. That there is one processor makes all that harm costs show, in zcrxd
and in the kernel. Not harm is what the harmful clients and their senders compute themselves, as
anybody may: throughput is that of the processor time which they leave. Nor is it harm to be sent
payload: who does not hoard is sent so little (SOME) that all of it has come before the measurement,
however few buffers a culprit gives back. What zcrxd, the culprits' pumps and hands compute is harm,
all of it: a pump is a process of zcrxd's user, and no limit of the culprit's own (cgroup, nice)
bounds it. And a processor that others keep busy has to show, or the measure would be blind.
"""
import contextlib
import glob
import itertools
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from client import Connection
from service import COPY, Failed, Service, sender, transfer, uncomplaining, wait_ready, zero_copy
from guest import LOCAL, Tally, only_in_guest, queues_bound, remade, until

MIB = 1 << 20
SIZE = 32 * MIB
LEAST = 0.95
CULPRITS = 8
OTHER_QUEUES = 4  # for everybody's traffic, and for who is measured
IS_COPY = "copy" in sys.argv[1:]
SEVERAL_USERS = "users=" in sys.argv[1:]
OPTIONS = (f"backend={COPY}",) if IS_COPY else ()
# How much is sent to a culprit by each flow. With copy, what the culprit does not take lies in its sockets. The
# kernel's memory for TCP is shared by everybody, so it must not become short here.
ENDLESS = MIB // 2 if IS_COPY else 1024 * MIB
SOME = 1 << 16
AREA = ("area=262144",) if IS_COPY else ()  # is full of less
# Where what a behaviour costs grows with it, more than usual.
HARM = {"hoard": (), "scribble": (), "jump": (), "forge": (), "punch": (),
        "amplify": ("rq=32768", "pause=1000")}
DEMANDS = {"mappings": (), "requests": (), "queues": (), "untouched": (), "hello": (), "unread": ()}
CULPRIT_UID = 61000  # and further ones: no behaviour finds rates used up by the one before
LIMITS = "requests-per-second=50\nconnections-per-second=5\nleases-per-minute=60\n"
CLASSES = ("[class default]\nnics=zc0\nleases-per-minute=1000000\nconnections-per-second=1000000\n"
           "[class culprits]\nnics=zc0\n" + LIMITS
           + "".join(f"users={CULPRIT_UID + i}\n" for i in range(CULPRITS * len(DEMANDS))))
SETTLE_SECONDS = 1
PORTS = itertools.count(27000)


def computed(processes):
    """Nanoseconds that they have been on a processor."""
    ns = 0
    for process in processes:
        for path in glob.glob(f"/proc/{process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                ns += int(f.read().split()[0])
    return ns


def speed(service, others=(), size=SIZE):
    """Of an ordinary client that verifies every byte, in MB/s of the time that others leave."""
    since, before = time.monotonic_ns(), computed(others)
    got = transfer(service, next(PORTS), 1, size, options=OPTIONS)
    theirs = (computed(others) - before) / (time.monotonic_ns() - since)
    if not IS_COPY:
        zero_copy(got)
    return 1000 * size / (got["ns"] * (1 - theirs))


def culprit(service, how, number):
    """It has a queue of its own, and a sender that fills it."""
    port = next(PORTS)
    who = {}
    if how in DEMANDS:
        who["uid"] = CULPRIT_UID + CULPRITS * list(DEMANDS).index(how) + number * SEVERAL_USERS
    receives = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, how, "pause=10000", *{**HARM, **DEMANDS}[how],
                              *AREA, *OPTIONS, **who)
    wait_ready(receives)
    return receives, sender("connect", LOCAL[4], port, 4, ENDLESS if how == "hoard" else SOME)


@contextlib.contextmanager
def harm(service, how):
    """The processes of all culprits."""
    def queues():
        return len(service.queues() if IS_COPY else queues_bound())

    found = []
    try:
        for number in range(CULPRITS):
            found.append(culprit(service, how, number))
        until("each has a queue", lambda: queues() == CULPRITS)
        for receives, _ in found:
            receives.stdin.close()
        time.sleep(SETTLE_SECONDS)
        yield [process for pair in found for process in pair]
        for receives, _ in found:
            if receives.poll() is not None and (how in DEMANDS or how in ("hoard", "amplify")):
                raise Failed(f"it ended: {receives.stderr.read()}")
    finally:
        for pair in found:
            for process in pair:
                process.kill()
                process.wait(10)
        until("their queues are free", lambda: queues() == 0)


@contextlib.contextmanager
def load(_service, _how):
    """Somebody else's work, which counts."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy:
        try:
            yield ()
        finally:
            busy.kill()


def measure(service, disturbed, how):
    """The mean of two ratios."""
    size = SIZE * 3 if how in DEMANDS else SIZE  # takes longer than a lease is apart from the next
    before = speed(service, size=size)
    with disturbed(service, how) as others:
        first, second = speed(service, others, size), speed(service, others, size)
    after = speed(service, size=size)
    mean = statistics.mean((first / before, second / after))
    print(f"{how}: {mean:.3f}, of {first / before:.3f} and {second / after:.3f}", flush=True)
    return mean


def noticed(service):
    found = measure(service, load, "busy processor")
    if found >= LEAST:
        raise Failed(f"{found:.3f}: what slows everybody down cannot be seen")


def let_in(service):
    """Who comes while culprits connect as fast as they can."""
    with harm(service, "hello"):
        took = []
        for _ in range(10):
            since = time.monotonic()
            with Connection(service.socket):
                took.append(time.monotonic() - since)
    print("hello: a newcomer was let in after " + ", ".join(f"{1000 * t:.0f}" for t in took) + " ms", flush=True)
    if max(took) > 1:
        raise Failed("a newcomer waited for more than a second")


def unharmed(service, how):
    found = measure(service, harm, how)
    if found < LEAST:
        raise Failed(f"its neighbour has {found:.3f} of its throughput")


def main():
    only_in_guest()
    tally = Tally()
    remade(queues=CULPRITS + OTHER_QUEUES)
    with Service(queues=f"2-{CULPRITS + OTHER_QUEUES - 1}", classes=CLASSES) as service:
        speed(service)
        tally.run("a busy processor is noticed", noticed, service)
        for how in [name for name in sys.argv[1:] if name in HARM or name in DEMANDS] or HARM:
            tally.run(f"{how}: neighbours keep {LEAST:.0%} of their throughput", unharmed, service, how)
            if how == "hello":
                tally.run("hello: newcomers are let in within a second", let_in, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
