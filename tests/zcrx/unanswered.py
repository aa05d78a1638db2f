#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxd is stopped or killed while it is to set the rule of a connection that a queue has accepted.

The queue's other stream goes on, the connection is received when there is an answer, and whoever leaves before that
leaves no rule. Each connection has a rule of its own, since the class lists remote addresses. With the argument devmem
the backend is devmem.
"""
import itertools
import signal
import time

from service import (BACKEND, Service, expect, nic, report, sender, unchanged, uncomplaining, wait_ready)
from guest import LOCAL, REMOTE, Tally, only_in_guest, rules_shown, until

ENDLESS = 1 << 40
RATE = 100000  # in bytes a second
AWAY_SECONDS = 6
ASKED_SECONDS = 1  # by far enough for a queue to accept a connection
CLASSES = f"[class default]\nnics=zc0\nremote={REMOTE[4]}\n"
ports = itertools.count(33000)


class Stopped:
    """zcrxd is there, and does nothing."""

    def __init__(self, service):
        self.service = service

    def __enter__(self):
        self.service.process.send_signal(signal.SIGSTOP)

    def __exit__(self, *_):
        self.service.process.send_signal(signal.SIGCONT)


class Killed(Stopped):
    """There is no zcrxd."""

    def __enter__(self):
        self.service.end(signal.SIGKILL)

    def __exit__(self, *_):
        self.service.start()


def rules():
    return rules_shown().count("Filter:")


def used(service):
    return [c["used"] for c in service.document()["classes"]]


def connection(port):
    return sender("connect", LOCAL[4], port, 1, ENDLESS, "open-ended", f"rate={RATE}")


class Client:
    """One that listens, with a stream that moves."""

    def __init__(self, service):
        self.port = next(ports)
        self.receives = service.client("listen", LOCAL[4], self.port, 2, ENDLESS, f"backend={BACKEND}", "open-ended")
        wait_ready(self.receives)
        self.sends = [connection(self.port)]
        until("it has its rule", lambda: rules() == 1)
        until("it moves", lambda: any(f["bytes"] > 0 for f in service.flows()))

    def another_comes(self):
        self.sends.append(connection(self.port))
        time.sleep(ASKED_SECONDS)

    def end(self):
        for s in self.sends:
            s.stdin.close()
            s.stdin = None
        sent, got = sum(report(s)["bytes"] for s in self.sends), report(self.receives)
        expect(f"all {sent} bytes", got["bytes"] == sent, got)
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.receives, *self.sends:
            process.kill()
            process.wait(10)


def the_other_stream_goes_on(service, away, before):
    with Client(service) as client:
        with away(service):
            client.another_comes()
            time.sleep(AWAY_SECONDS - ASKED_SECONDS)
        until("the other one has its rule", lambda: rules() == 2)
        until("it moves", lambda: sum(f["bytes"] > 0 for f in service.flows()) == 2)
        got = client.end()
    print(f"    the longest stall was {got['stall_ns'] / 1e9:.1f} of {AWAY_SECONDS} s", flush=True)
    expect("the stream went on", got["stall_ns"] < AWAY_SECONDS / 2 * 1e9, got)
    unchanged(before)


def the_client_leaves(service, away, before):
    clean = used(service)
    with Client(service) as client:
        with away(service):
            client.another_comes()
            client.receives.kill()
            client.receives.wait(10)
    until("nothing is charged", lambda: used(service) == clean)
    unchanged(before)


def the_peer_leaves(service, away, before):
    with Client(service) as client:
        with away(service):
            client.another_comes()
            client.sends[1].kill()
            client.sends.pop().wait(10)
        until("its rule is gone", lambda: rules() == 1)
        moved = max(f["bytes"] for f in service.flows())
        until("the stream goes on", lambda: max(f["bytes"] for f in service.flows()) > moved)
    unchanged(before)


def main():
    only_in_guest()
    before = nic()
    tally = Tally()
    with Service(classes=CLASSES) as service:
        for away in Stopped, Killed:
            for case in the_other_stream_goes_on, the_client_leaves, the_peer_leaves:
                tally.run(f"{away.__name__}: {case.__name__}", case, service, away, before)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
