#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""As many flows as the quota allows, all closed by a client that keeps their data.

Its pump owes each of them tokens and keeps its socket. The last of them must not cost much more
than the first, the neighbour gets every byte, and all of it goes with the client.
"""
import os
import resource
import statistics
import subprocess
import sys

from service import BACKEND, PEER, Service, expect, finish, report, sender, uncomplaining, wait_ready
from guest import LOCAL, Tally, only_in_guest, quiet, until

MIB = 1 << 20
PORT = 26000
FLOWS, BATCH = 4096, 256
SPARE = 16    # of the quota, for the listener and the neighbour
LIMIT = 4      # times what one of the first quarter costs: far from 16, as it were if each looked at all
PATIENCE = 60
# Opens connections, as many as it is told on each line, and sends something on each.
OPENER = """
import socket, sys
held = []
for line in sys.stdin:
    for _ in range(int(line)):
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
        s.send(bytes(200))
        held.append(s)
"""


def cpu_us(service):
    """What the pumps have used; the broker is asked for the status here."""
    total = 0
    for pid in service.pumps():
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0]) // 1000
    return total


def closed(service):
    return sum(f["state"] == "closed" for f in service.flows())


def neighbour(service):
    client = service.client("listen", LOCAL[4], PORT + 1, 4, 2 * MIB, f"backend={BACKEND}")
    wait_ready(client)
    send = sender("connect", LOCAL[4], PORT + 1, 4, 2 * MIB)
    got = report(client)
    finish(send)
    expect("every byte", got["bytes"] == 8 * MIB, got)


def open_all(service, opener):
    """What each flow costs, in batches."""
    costs = []
    for opened in range(BATCH, FLOWS + 1, BATCH):
        before = cpu_us(service)
        opener.stdin.write(f"{BATCH}\n")
        opener.stdin.flush()
        until(f"{opened} are closed", lambda at=opened: closed(service) >= at, PATIENCE)
        costs.append((cpu_us(service) - before) / BATCH)
    return costs


def owing(service):
    before = service.descriptors()
    culprit = service.client("listen", LOCAL[4], PORT, 1, MIB, f"area={(FLOWS + 2048) * 4096}",
                             f"backend={BACKEND}", "owe")
    wait_ready(culprit)
    opener = subprocess.Popen([*PEER, sys.executable, "-c", OPENER, LOCAL[4], str(PORT)],
                              stdin=subprocess.PIPE, text=True)
    try:
        costs = open_all(service, opener)
        quarter = len(costs) // 4
        first, last = statistics.median(costs[:quarter]), statistics.median(costs[-quarter:])
        print(f"{FLOWS} flows: {first:.0f} µs each of the first quarter, {last:.0f} of the last")
        expect("the sockets are kept", service.descriptors() >= FLOWS, service.descriptors())
        expect(f"at most {LIMIT} times the cost", last <= LIMIT * first, costs)
        neighbour(service)
    finally:
        for process in culprit, opener:
            process.kill()
            process.wait(10)
    until("its sockets are gone", lambda: service.descriptors() < before + SPARE, PATIENCE)
    quiet()
    neighbour(service)


def main():
    only_in_guest()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * FLOWS, 4 * FLOWS))
    tally = Tally()
    with Service(classes=f"[class default]\nnics=zc0\nflows={FLOWS + SPARE}\n") as service:
        tally.run("thousands of flows that are owed tokens", owing, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
