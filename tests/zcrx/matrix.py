#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams through zcrxd by zero copy with options combined, every byte looked at: each pair of
settings at least once, or with --full all combinations."""
import argparse
import collections
import itertools
import json
import random
import re

from service import (DEVMEM, ZCRX, Failed, Service, do, finish, report, sender, transfer,
                     uncomplaining, until, wait_ready)
from guest import LOCAL, PEER, REMOTE, Tally, huge_pages, only_in_guest, remade, rules_shown

MIB = 1 << 20
FAULTS = {"none": 0, "drop_every": 100, "alloc_fail_every": 50, "unsplit_every": 20,
          "linear_payload": 16}
# The first one of each is what the NIC comes with; what is slow to change stands at the end.
OPTIONS = {
    "how": ("listen", "adopt", "connect"),
    "version": (4, 6),
    "flows": (1, 16, 256),
    "cq": (0, 64),
    "memory": ("ample", "256 KiB", "64 KiB buffers", "dma-buf", "devmem"),
    "fault": tuple(FAULTS),
    "mtu": (1500, 9000),
    "tso": ("on", "off"),
}
PORTS = itertools.count(25000)


def possible(choice):
    """An area of 64 buffers is all with the page pool, which takes so many at a time: nothing is left
    for copies, or for what lies unread in many sockets."""
    wanted = dict(zip(OPTIONS, choice))
    return wanted["memory"] != "256 KiB" or (
        wanted["flows"] == 1 and wanted["how"] == "listen" and
        wanted["fault"] not in ("unsplit_every", "linear_payload"))


def memory(wanted):
    if wanted["memory"] == "256 KiB":
        return ["area=262144"]
    area = f"area={32 * MIB if wanted['flows'] > 16 else 8 * MIB}"
    return [area, *{"64 KiB buffers": ["huge", "buffer=65536"], "dma-buf": ["memory=udmabuf"],
                    "devmem": ["memory=udmabuf", "backend=2"]}.get(wanted["memory"], [])]


def combinations():
    return list(filter(possible, itertools.product(*OPTIONS.values())))


def pairs_of(choice):
    """Every two of its settings."""
    return set(itertools.combinations(zip(OPTIONS, choice), 2))


def every_pair():
    """A few choices that have each pair of settings among them, found greedily."""
    everything = combinations()
    random.Random(1).shuffle(everything)
    missing = set().union(*map(pairs_of, everything))
    chosen = []
    while missing:
        best = max(everything, key=lambda c: len(pairs_of(c) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen


class Link:
    """What zc0 and zc1 are set to."""

    def __init__(self):
        self.now = {"mtu": 1500, "tso": "on", "fault": "none"}

    def set(self, wanted):
        changed = [key for key in self.now if self.now[key] != wanted[key]]
        if "mtu" in changed:
            do("ip", "link", "set", "zc0", "mtu", str(wanted["mtu"]))
            do(*PEER, "ip", "link", "set", "zc1", "mtu", str(wanted["mtu"]))
        if "tso" in changed:
            do(*PEER, "ethtool", "-K", "zc1", "tso", wanted["tso"])
        if "fault" in changed:
            for name in self.now["fault"], wanted["fault"]:
                self.fault(name, FAULTS[name] if name == wanted["fault"] else 0)
        self.now = {key: wanted[key] for key in self.now}

    @staticmethod
    def fault(name, value):
        if name != "none":
            with open(f"/sys/kernel/debug/zcnic/zc0/{name}", "w", encoding="ascii") as f:
                f.write(str(value))


def stream(service, link, wanted):
    link.set(wanted)
    if wanted["memory"] == "64 KiB buffers":
        huge_pages(32)
    how, flows = wanted["how"], wanted["flows"]
    address = (REMOTE if how == "connect" else LOCAL)[wanted["version"]]
    options = ["backend=3", *memory(wanted), *(["cq=64"] if wanted["cq"] else [])]
    judge(wanted, transfer(service, next(PORTS), flows, max(2 * MIB // flows, 16384), how, address, options))


def judge(wanted, got):
    backend = DEVMEM if wanted["memory"] == "devmem" else ZCRX
    if got["backend"] != backend:
        raise Failed(json.dumps(got))
    if wanted["memory"] == "64 KiB buffers" and got["buffer_bytes"] != 65536:
        raise Failed(f"the buffers are smaller than wanted: {got}")
    # Others begin before they are steered; faults make copies.
    if wanted["how"] == "listen" and wanted["fault"] == "none" and 100 * got["bytes_copied"] > got["bytes"]:
        raise Failed(f"copied more than one in a hundred: {got}")


def run_all(choices, tally):
    ended = collections.Counter()
    link = Link()
    with Service() as service:
        for choice in choices:
            wanted = dict(zip(OPTIONS, choice))
            name = " ".join(f"{key}={value}" for key, value in wanted.items())
            tally.run(name, stream, service, link, wanted)
            ended[wanted["how"]] += 1
        tally.run("zcrxd ends", service.end)
    print(f"{sum(ended.values())} combinations: {dict(ended)}")


def four_at_once(tally):
    """As many clients as queues, each with a queue of its own, receiving at the same time."""
    remade(queues=5)
    with Service("1-4") as service:
        tally.run("4 clients with 4 queues at once", four, service)
        tally.run("4 queues with one dma-buf", spread, service)
        tally.run("zcrxd ends", service.end)


def spread(service):
    """One dma-buf on all queues at once, the flows steered to them in turn."""
    port, flows, size = next(PORTS), 8, 16 * MIB
    send = sender("serve", REMOTE[4], port, flows, size)
    wait_ready(send)
    client = service.client("connect", REMOTE[4], port, flows, size, "backend=2", "memory=udmabuf",
                            "area=8388608", "queues=4")
    wait_ready(client)
    until("all are steered", lambda: rules_shown().count("Filter:") == flows)
    queues = re.findall(r"Action: Direct to queue (\d+)", rules_shown())
    got = report(client)
    finish(send)
    if sorted(queues) != sorted("1234" * 2):
        raise Failed(f"not on all queues: {queues}")
    if got["backend"] != DEVMEM or got["bytes"] != flows * size:
        raise Failed(str(got))


def four(service):
    clients, senders = [], []
    for _ in range(4):
        port = next(PORTS)
        client = service.client("listen", LOCAL[4], port, 4, 4 * MIB, "backend=3")
        wait_ready(client)
        clients.append((client, port))
    senders = [sender("connect", LOCAL[4], port, 4, 4 * MIB) for _, port in clients]
    got = [report(client) for client, _ in clients]
    for send in senders:
        finish(send)
    if sorted(g["rxq"] for g in got) != [1, 2, 3, 4]:
        raise Failed(f"not a queue for each: {got}")
    for g in got:
        if g["backend"] != ZCRX or g["bytes"] != 16 * MIB or 100 * g["bytes_copied"] > g["bytes"]:
            raise Failed(str(g))


def main():
    only_in_guest()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all combinations")
    parser.add_argument("--part", default="0/1", help="only the Nth of M parts of them: N/M")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    do("sysctl", "-q", "vm.nr_hugepages=24")
    choices = combinations() if arguments.full else every_pair()
    choices.sort(key=lambda c: c[:-4:-1])  # the link changes least often
    tally = Tally()
    run_all(choices[part::parts], tally)
    four_at_once(tally)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
