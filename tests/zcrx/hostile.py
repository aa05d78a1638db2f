#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that mean harm, each with a hardware queue of its own: their neighbours do not notice."""
import json

from service import BACKEND, Failed, Service, finish, report, sender, uncomplaining, until, wait_ready
from guest import LOCAL, Tally, only_in_guest, pools, queues_bound

MIB = 1 << 20
PORT = 24000


def well(service, port, rounds=3):
    """An ordinary client gets a queue, and every byte."""
    for i in range(rounds):
        client = service.client("listen", LOCAL[4], port + i, 4, 2 * MIB)
        wait_ready(client)
        send = sender("connect", LOCAL[4], port + i, 4, 2 * MIB)
        got = report(client)
        finish(send)
        if got["backend"] != BACKEND or got["bytes"] != 8 * MIB:
            raise Failed(json.dumps(got))


def behaves(service, how, port):
    culprit = service.client("listen", LOCAL[4], port, 4, 1024 * MIB, f"backend={BACKEND}", how)
    wait_ready(culprit)
    send = sender("connect", LOCAL[4], port, 4, 1024 * MIB)
    try:
        until("it has a queue", queues_bound)
        well(service, port + 1)
        if culprit.poll() is not None and how == "hoard":
            raise Failed(f"it ended: {culprit.stderr.read()}")
    finally:
        culprit.kill()
        send.kill()
        culprit.wait(10)
    until("its queue is free", lambda: not queues_bound())
    until("no pool is detached", lambda: not pools(detached=True))
    well(service, port + 10, 1)


def main():
    only_in_guest()
    tally = Tally()
    with Service() as service:
        tally.run("one that keeps every buffer", behaves, service, "hoard", PORT)
        tally.run("one that scribbles over its refills", behaves, service, "scribble", PORT + 100)
        tally.run("one whose indices jump", behaves, service, "jump", PORT + 200)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
