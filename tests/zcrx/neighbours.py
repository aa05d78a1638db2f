#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a client that means harm slow others down? Their throughput with it over that without it.

The machine is emulated and busy with other things, so only ratios of two streams that follow each
other count, in pairs that begin with either in turn, and of these the median. The harmful client
does its harm ten times a second, so that it is not its own use of the processors that shows.
Pairs are added until the median is good or there are enough of them to call it bad; and a
processor that is kept busy has to show, or the measure would be blind.
"""
import argparse
import contextlib
import itertools
import statistics
import subprocess
import time

from service import ZCRX, Failed, Service, sender, transfer, uncomplaining, wait_ready
from guest import LOCAL, Tally, only_in_guest, queues_bound, until

MIB = 1 << 20
LEAST = 0.95
SETTLE_SECONDS = 1
PORTS = itertools.count(27000)


def speed(service, size):
    """Of an ordinary client that verifies every byte, in MB/s."""
    got = transfer(service, next(PORTS), 1, size, options=["backend=3"])
    if got["backend"] != ZCRX:
        raise Failed(str(got))
    return 1000 * size / got["ns"]


@contextlib.contextmanager
def harm(service, how):
    """It has a queue of its own, and a sender that fills it."""
    port = next(PORTS)
    culprit = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, "backend=3", how, "pause=100000")
    wait_ready(culprit)
    send = sender("connect", LOCAL[4], port, 4, 1024 * MIB if how == "hoard" else 4 * MIB)
    try:
        until("it has a queue", queues_bound)
        time.sleep(SETTLE_SECONDS)
        yield
        if culprit.poll() is not None and how == "hoard":
            raise Failed(f"it ended: {culprit.stderr.read()}")
    finally:
        for process in culprit, send:
            process.kill()
            process.wait(10)
        until("its queue is free", lambda: not queues_bound())


@contextlib.contextmanager
def load(_service, _how):
    """As many busy loops as there are processors."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def ratio(service, size, disturbed, how, first):
    def with_it():
        with disturbed(service, how):
            return speed(service, size)

    if first:
        a = with_it()
        b = speed(service, size)
    else:
        b = speed(service, size)
        a = with_it()
    return a / b


def measure(service, size, disturbed, how, pairs, most):
    ratios = []
    while len(ratios) < pairs or (statistics.median(ratios) < LEAST and len(ratios) < most):
        ratios.append(ratio(service, size, disturbed, how, len(ratios) % 2))
    ratios.sort()
    print(f"{how}: median {statistics.median(ratios):.3f} of {len(ratios)} pairs, "
          f"quartiles {ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}, "
          f"range {ratios[0]:.2f} to {ratios[-1]:.2f}", flush=True)
    return statistics.median(ratios)


def noticed(service, size):
    found = measure(service, size, load, "busy processors", 5, 5)
    if found >= LEAST:
        raise Failed(f"{found:.3f}: what slows everybody down cannot be seen")


def unharmed(service, size, how, arguments):
    found = measure(service, size, harm, how, arguments.pairs, arguments.most)
    if found < LEAST:
        raise Failed(f"its neighbour has {found:.3f} of its throughput")


def main():
    only_in_guest()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="at least (%(default)s)")
    parser.add_argument("--most", type=int, default=31, help="pairs (%(default)s)")
    parser.add_argument("--mib", type=int, default=16, help="of each stream (%(default)s)")
    arguments = parser.parse_args()
    size = arguments.mib * MIB
    tally = Tally()
    with Service() as service:
        speed(service, size)
        tally.run("busy processors are noticed", noticed, service, size)
        for how in "hoard", "scribble", "jump":
            tally.run(f"{how}: neighbours keep {LEAST:.0%} of their throughput", unharmed, service,
                      size, how, arguments)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
