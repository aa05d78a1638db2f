#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that mean harm, each with a hardware queue of its own: their neighbours do not notice."""
import json
import socket

from service import (BACKEND, ZCRX, Failed, Service, finish, report, sender, transfer,
                     uncomplaining, until, wait_ready)
from guest import LOCAL, Tally, only_in_guest, pools, queues_bound

MIB = 1 << 20
PORT = 24000
LEDGER = 32768  # tokens out of a devmem queue at most


def well(service, port, rounds=3):
    """An ordinary client gets a queue, and every byte."""
    for i in range(rounds):
        got = transfer(service, port + i, 4, 2 * MIB)
        if got["backend"] != BACKEND:
            raise Failed(json.dumps(got))


def behaves(service, how, port):
    culprit = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, f"backend={BACKEND}", how)
    wait_ready(culprit)
    send = sender("connect", LOCAL[4], port, 4, 1024 * MIB)
    try:
        until("it has a queue", queues_bound)
        well(service, port + 1)
        if how == "hoard" and BACKEND == ZCRX:
            until("it is said to starve", lambda: any(q["starvations"] for q in service.queues()))
        if culprit.poll() is not None and how == "hoard":
            raise Failed(f"it ended: {culprit.stderr.read()}")
    finally:
        culprit.kill()
        send.kill()
        culprit.wait(10)
    until("its queue is free", lambda: not queues_bound())
    until("no pool is detached", lambda: not pools(detached=True))
    well(service, port + 10, 1)


def full(service, port):
    """More fragments than the ledger has room for, all kept: the next ones wait, and its end does not."""
    with open("/sys/module/udmabuf/parameters/size_limit_mb", "w", encoding="ascii") as f:
        f.write("160")
    culprit = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, f"backend={BACKEND}",
                             f"area={160 * MIB}", "hoard")
    wait_ready(culprit)
    send = sender("connect", LOCAL[4], port, 4, 1024 * MIB)
    try:
        until("the ledger is full", lambda: any(q["lent"] >= LEDGER for q in service.queues()), 120)
    finally:
        culprit.kill()
        send.kill()
        culprit.wait(10)
    until("its queue is free", lambda: not queues_bound())
    well(service, port + 10, 1)


def earlier(service, port):
    """A client gets the hardware queue of one that went, beside another's: it finds neither's data."""
    def receives(at, seed, size, *options):
        client = service.client("listen", LOCAL[4], at, 4, size, f"area={8 * MIB}", f"seed={seed}",
                                f"backend={BACKEND}", *options)
        wait_ready(client)
        return client, sender("connect", LOCAL[4], at, 4, size, f"seed={seed}")

    first, send = receives(port, 1, 4 * MIB)
    had = report(first)
    finish(send)
    until("its queue is free", lambda: not queues_bound())
    seen = set()
    beside, endless = receives(port + 1, 2, 1024 * MIB)
    try:
        until("it has a queue", queues_bound)
        for i in range(2):
            client, send = receives(port + 2 + i, 3, 64 << 10, "search")
            got = report(client)
            finish(send)
            if got["backend"] != BACKEND:
                raise Failed(json.dumps(got))
            seen.add(got["rxq"])
    finally:
        for process in beside, endless:
            process.kill()
            process.wait(10)
    until("its queue is free", lambda: not queues_bound())
    client, send = receives(port + 5, 3, 64 << 10, "search")
    seen.add(report(client)["rxq"])
    finish(send)
    if had["rxq"] not in seen:
        raise Failed(f"queue {had['rxq']} was not leased again: {seen}")


def left_behind(service, port):
    """Another user's connection outlives its listener: who then listens there must not get its bytes."""
    with socket.create_server((LOCAL[4], port)) as server:
        send = sender("connect", LOCAL[4], port, 1, 4 * MIB, "seed=4")
        connection, _ = server.accept()
    client = service.client("listen", LOCAL[4], port, 1, 64 << 10, f"area={8 * MIB}", "seed=3",
                            f"backend={BACKEND}", "search")
    wait_ready(client)
    connection.settimeout(20)
    left = 4 * MIB
    while left:
        got = len(connection.recv(left))
        if not got:
            raise Failed(f"the connection ended {left} bytes early")
        left -= got
    connection.close()
    finish(send)
    send = sender("connect", LOCAL[4], port, 1, 64 << 10, "seed=3")
    report(client)
    finish(send)


def main():
    only_in_guest()
    tally = Tally()
    with Service() as service:
        tally.run("one that keeps every buffer", behaves, service, "hoard", PORT)
        tally.run("one that scribbles over its refills", behaves, service, "scribble", PORT + 100)
        tally.run("one whose indices jump", behaves, service, "jump", PORT + 200)
        tally.run("one that gives back what it has not", behaves, service, "forge", PORT + 300)
        tally.run("one that closes flows and keeps their data", behaves, service, "owe", PORT + 400)
        if BACKEND != ZCRX:
            tally.run("one that keeps more than can be told", full, service, PORT + 450)
        tally.run("one that punches holes", behaves, service, "punch", PORT + 500)
        tally.run("nobody finds what others received", earlier, service, PORT + 600)
        tally.run("nobody gets what is another's by its port", left_behind, service, PORT + 700)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
