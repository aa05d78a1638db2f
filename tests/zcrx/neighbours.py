#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a client that means harm slow others down? Their throughput with it over that without it.

For the machine to which an instruction is a nanosecond (scripts/vm --accel count): throughput is
then what everybody together executes, and how long they wait, and does not depend on what else the
host does. It is that of streams that follow each other, in pairs that begin with either in turn.
That there is one processor makes all that harm costs show, in zcrxd and in the kernel. Not harm is
what the harmful client and its sender compute themselves, as anybody may: throughput is that of the
processor time which they leave. And a processor that others keep busy has to show, or the measure
would be blind.
"""
import contextlib
import glob
import itertools
import statistics
import subprocess
import time

from service import Failed, Service, sender, transfer, uncomplaining, wait_ready, zero_copy
from guest import LOCAL, Tally, only_in_guest, queues_bound, until

MIB = 1 << 20
SIZE = 32 * MIB
LEAST = 0.95
PAIRS = 5
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


def speed(service, others=()):
    """Of an ordinary client that verifies every byte, in MB/s of the time that others leave."""
    since, before = time.monotonic_ns(), computed(others)
    got = transfer(service, next(PORTS), 1, SIZE)
    theirs = (computed(others) - before) / (time.monotonic_ns() - since)
    zero_copy(got)
    return 1000 * SIZE / (got["ns"] * (1 - theirs))


@contextlib.contextmanager
def harm(service, how):
    """It has a queue of its own, and a sender that fills it. Its processes."""
    port = next(PORTS)
    culprit = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, how, "pause=10000")
    wait_ready(culprit)
    send = sender("connect", LOCAL[4], port, 4, 1024 * MIB if how == "hoard" else 4 * MIB)
    try:
        until("it has a queue", queues_bound)
        time.sleep(SETTLE_SECONDS)
        yield culprit, send
        if culprit.poll() is not None and how == "hoard":
            raise Failed(f"it ended: {culprit.stderr.read()}")
    finally:
        for process in culprit, send:
            process.kill()
            process.wait(10)
        until("its queue is free", lambda: not queues_bound())


@contextlib.contextmanager
def load(_service, _how):
    """Somebody else's work, which counts."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy:
        try:
            yield ()
        finally:
            busy.kill()


def ratio(service, disturbed, how, first):
    def with_it():
        with disturbed(service, how) as others:
            return speed(service, others)

    if first:
        a = with_it()
        b = speed(service)
    else:
        b = speed(service)
        a = with_it()
    return a / b


def measure(service, disturbed, how):
    ratios = sorted(ratio(service, disturbed, how, i % 2) for i in range(PAIRS))
    median = statistics.median(ratios)
    print(f"{how}: median {median:.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}", flush=True)
    return median


def noticed(service):
    found = measure(service, load, "busy processor")
    if found >= LEAST:
        raise Failed(f"{found:.3f}: what slows everybody down cannot be seen")


def unharmed(service, how):
    found = measure(service, harm, how)
    if found < LEAST:
        raise Failed(f"its neighbour has {found:.3f} of its throughput")


def main():
    only_in_guest()
    tally = Tally()
    with Service() as service:
        speed(service)
        tally.run("a busy processor is noticed", noticed, service)
        for how in "hoard", "scribble", "jump", "forge", "punch":
            tally.run(f"{how}: neighbours keep {LEAST:.0%} of their throughput", unharmed, service, how)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
