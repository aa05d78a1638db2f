#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything at once, in the VM: devmem, zcrx and plain transfers, killed at random, while links
flap and channels, rings, offloads and tcp-data-split change; then the module goes.

usage: stress.py [SECONDS [SEED]]
Any warning of the kernel is a panic here. Transfers may be refused or broken off by what happens
around them; none may hang or deliver a wrong byte, and all must work again before the module goes.
"""
import collections
import random
import re
import subprocess
import sys
import threading
import time

from guest import (CHANNELS_COMBINED, CHANNELS_SET, IFNAME, PEER, RINGS_RX, RINGS_SET, Failed,
                   Tally, Transfer, data_split, do, ethtool_set, flush_deferred, only_in_guest, pools,
                   quiet, steer, steered, transfer, until)
from netlink import Refused

CHANNELS = 4
LANES = {  # name: way, queue, kinds of memory, first port
    "devmem": ("devmem", 1, ("udmabuf", "system", "vgem"), 10000),
    "zcrx": ("zcrx", 2, ("plain", "udmabuf", "system"), 20000),
    "plain": ("plain", 0, ("plain",), 30000),
}
# What may end a transfer while the interface changes under it: no route while the link is down,
# no queue to be had.
EXCUSED = re.compile(r"unreachable|No route to host|Connection (reset|timed out)|Broken pipe|"
                     r"bind-rx: |io_uring_register_ifq: |Cannot insert RX class rule")
TROUBLE = re.compile(r"WARNING:|BUG:|Oops|Call Trace|stalled pool shutdown")


class Lane(threading.Thread):
    """One transfer after the other on one queue, about half of them killed."""

    def __init__(self, name, seed, end):
        super().__init__(name=name)
        self.way, self.queue, self.memories, self.port = LANES[name]
        self.random, self.end = random.Random(f"{seed} {name}"), end
        self.count, self.faults = collections.Counter(), []

    def run(self):
        while time.monotonic() < self.end and not self.faults:
            self.port += 1
            try:
                with steered(self.port, self.queue):
                    self.count[self.once()] += 1
            except Failed as e:
                self.excuse(str(e))
            except Exception as e:  # a thread's exceptions are nobody's otherwise
                self.faults.append(f"{self.name}: {e!r}")

    def once(self):
        t = Transfer(self.way, self.port, self.port, self.random.randrange(1 << 20, 24 << 20),
                     memory=self.random.choice(self.memories), queue=self.queue,
                     version=self.random.choice((4, 6)))
        killed = None
        try:
            if t.start() and self.random.random() < 0.5:
                time.sleep(self.random.random() * 0.7)
                killed = self.random.choice(("receiver", "sender", "both"))
                t.kill(*(("receiver", "sender") if killed == "both" else (killed,)))
            results = t.wait(40)
        except subprocess.TimeoutExpired as e:
            raise RuntimeError(f"port {self.port} hangs after {e.timeout} s") from e
        finally:
            t.kill()
        for _, words in results:
            if "wrong data" in words or "not in the dma-buf" in words:
                raise RuntimeError(words)
        if killed:
            return "killed"
        for status, words in results:
            if status:
                self.excuse(words)
                return "broken off"
        return "whole"

    def excuse(self, words):
        if not EXCUSED.search(words):
            raise RuntimeError(words)
        self.count["excused: " + EXCUSED.search(words)[0].strip(": ")] += 1


class Trouble(threading.Thread):
    """Changes the interfaces for as long as it lasts; what is refused is counted only."""

    def __init__(self, seed, end):
        super().__init__(name="changes")
        self.random, self.end = random.Random(f"{seed} changes"), end
        self.count, self.faults = collections.Counter(), []
        self.changes = (self.flap, self.flap_peer, self.channels, self.channels_peer, self.rings,
                        self.offloads, self.split)

    def run(self):
        while time.monotonic() < self.end and not self.faults:
            change = self.random.choice(self.changes)
            try:
                change()
                self.count[change.__name__] += 1
            except Refused:
                self.count[change.__name__ + " refused"] += 1
            except Exception as e:
                self.faults.append(f"{change.__name__}: {e!r}")
            time.sleep(self.random.random() * 0.6)

    def flap(self):
        do("ip", "link", "set", IFNAME, "down")
        time.sleep(self.random.random() * 0.2)
        do("ip", "link", "set", IFNAME, "up")

    def flap_peer(self):
        do(*PEER, "ip", "link", "set", "zc1", "down")
        do(*PEER, "ip", "link", "set", "zc1", "up")

    def channels(self):
        ethtool_set(CHANNELS_SET, (CHANNELS_COMBINED, self.random.randint(2, CHANNELS)))

    def channels_peer(self):
        do(*PEER, "ethtool", "-L", "zc1", "combined", str(self.random.randint(1, CHANNELS)),
           check=False)

    def rings(self):
        ethtool_set(RINGS_SET, (RINGS_RX, self.random.choice((64, 128, 512))))

    def offloads(self):
        on = self.random.choice(("on", "off"))
        do("ethtool", "-K", IFNAME, "gro", on)
        do(*PEER, "ethtool", "-K", "zc1", "tso", on)

    def split(self):
        try:
            data_split(False)
        finally:
            data_split()


def prepare():
    do("sysctl", "-qw", "kernel.panic_on_warn=1", "kernel.panic_on_oops=1")
    for namespace in ((), PEER):
        do(*namespace, "sysctl", "-qw", "net.ipv6.conf.all.keep_addr_on_down=1",
           "net.ipv6.conf.all.accept_dad=0")
    data_split()
    do("ethtool", "-X", IFNAME, "equal", "1")


def report():
    """What the interfaces and sockets look like, for whoever has to find out what went wrong."""
    for namespace, ifname in (((), IFNAME), (PEER, "zc1")):
        for command in (("ss", "-tnieom"), ("ip", "-s", "addr", "show", "dev", ifname),
                        ("ethtool", "-S", ifname)):
            print(do(*namespace, *command, check=False))


def everything(seconds, seed):
    end = time.monotonic() + seconds
    threads = [*(Lane(name, seed, end) for name in LANES), Trouble(seed, end)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
        print(f"   {t.name}: " + ", ".join(f"{n} {what}" for what, n in sorted(t.count.items())))
    faults = [f for t in threads for f in t.faults]
    if faults:
        report()
        raise Failed("; ".join(faults))
    for t in threads:
        if isinstance(t, Lane) and not t.count["whole"]:
            raise Failed(f"no transfer of {t.name} got through")


def restore():
    do("ip", "link", "set", IFNAME, "up")
    do(*PEER, "ip", "link", "set", "zc1", "up")
    ethtool_set(CHANNELS_SET, (CHANNELS_COMBINED, CHANNELS))
    data_split()


def again(name):
    way, queue, memories, port = LANES[name]
    with steered(port, queue):
        for memory in memories:
            transfer(way, port, 4 << 20, memory=memory, queue=queue)
    quiet()


def removal():
    """The module goes while each lane still receives."""
    running = []
    for way, queue, memories, port in LANES.values():
        steer(port, queue, 4)
        running.append(Transfer(way, port, port, 1 << 40, memory=memories[-1], queue=queue))
        if not running[-1].start():
            raise Failed(f"{way}: {running[-1].wait()}")
    time.sleep(1)
    try:
        do("rmmod", "zcnic")
    finally:
        for t in running:
            t.kill()
            t.wait(20)
    until("no page pool is left", lambda: flush_deferred() or not pools())


def kernel_log():
    found = [line for line in do("dmesg").splitlines() if TROUBLE.search(line)]
    if found:
        raise Failed("\n".join(found))


def main():
    only_in_guest()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    seed = sys.argv[2] if len(sys.argv) > 2 else str(time.time_ns())
    print(f"{seconds:.0f} s, seed {seed}")
    tally = Tally()
    tally.run("prepare", prepare)
    tally.run("everything at once", everything, seconds, seed)
    tally.run("restore", restore)
    tally.run("nothing is left detached", quiet)
    for name in LANES:
        tally.run(f"{name} works afterwards", again, name)
    tally.run("the module goes under load", removal)
    tally.run("no complaint of the kernel", kernel_log)
    tally.exit()


main()
