#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxd is killed, and upgraded in place now and then: nobody's stream ends, and leases, rules and accounts stay what
they are.

An upgrade is to zcrxd and zcrx-pump of another version, or back. Streams are as fast as they can be, and as long
as the test lasts. The receivers compare every byte with what the sender made at that place of that stream, and no
two streams have the same bytes: so the streams are equal, of which equal SHA-256 sums would only be a sign. With
the argument devmem the backend is devmem.
"""
import argparse
import itertools
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from client import Connection, Lost, open_and_close
from service import (BACKEND, BUILD, COPY, CTL, IS_DEVMEM, Failed, Service, do, expect, nic, report, sender,
                     unchanged, uncomplaining, until, wait_ready)
from guest import LOCAL, Tally, only_in_guest, queues_bound, remade, rules_shown

CLIENTS, FLOWS = 4, 4
FIRST_QUEUE, SPARE = 2, 1
QUEUES = FIRST_QUEUE + CLIENTS + SPARE
ENDLESS = 1 << 40
PAUSE_SECONDS, QUICK_PAUSE_SECONDS = 0.1, 0.03  # at most, that zcrxd lives and that it is away
START_SECONDS = 0.06  # what a start takes, about
AWAY_SECONDS = 8
REQUEST_KILLS = 12
QUICK_PRIORITY = -15
RATE = 100000  # in bytes a second, of a stream that others have to be seen beside
ports = itertools.count(31000)


class Programs:
    """zcrxd in a folder of the test's own, where another version of it can be installed, as a package does."""
    folders = {"now": "daemon", "next": "tests/hostile/next"}

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="zcrxd-programs.")
        os.chmod(self.dir, 0o755)
        self.zcrxd = os.path.join(self.dir, "zcrxd")
        self.version = None
        self.install("now")

    def install(self, version):
        for name in "zcrxd", "zcrx-pump", "zcrx-hand":
            fresh = os.path.join(self.dir, "fresh")
            shutil.copy(os.path.join(BUILD, self.folders[version], name), fresh)
            os.rename(fresh, os.path.join(self.dir, name))
        self.version = version

    def install_other(self):
        self.install("next" if self.version == "now" else "now")


class Stream:
    """A client with FLOWS flows of one sender."""

    def __init__(self, service):
        self.port = next(ports)
        self.receives = service.client("listen", LOCAL[4], self.port, FLOWS, ENDLESS,
                                       f"backend={BACKEND}", "open-ended")
        wait_ready(self.receives)
        self.sends = sender("connect", LOCAL[4], self.port, FLOWS, ENDLESS, "open-ended")

    def goes_on(self):
        for what, process in ("client", self.receives), ("sender", self.sends):
            if process.poll() is not None:
                raise Failed(f"the {what} of port {self.port} ended: {process.communicate()[1].strip()}")

    def end(self, steered=True):
        """What the client reports. steered: nobody took its rule away."""
        self.goes_on()
        self.sends.stdin.close()
        self.sends.stdin = None
        sent, got = report(self.sends)["bytes"], report(self.receives)
        expect(f"all {sent} bytes", got["bytes"] == sent, got)
        expect("zero copy", not steered or got["bytes_copied"] < 0.05 * got["bytes"], got)
        return got

    def kill(self):
        for process in self.receives, self.sends:
            process.kill()
            process.wait(10)


def rules():
    """Of the NIC, without their numbers."""
    found = re.split(r"Filter: \d+\n", rules_shown())
    return sorted(found[1:])


def moving(queue):
    return sum(f["bytes"] for f in queue["flows"])


def facts(service):
    """The status without what counts up: clients, leases, flows, and what each class uses."""
    document = service.document()
    clients = [(c["id"], c["class"], c["uid"],
                [(q["id"], q["backend"], q.get("rxqs"),
                  [(f["id"], f["local"], f["remote"], f["why_copied"]) for f in q["flows"]])
                 for q in c["queues"]]) for c in document["clients"]]
    return sorted(clients), [(c["name"], c["used"]) for c in document["classes"]], rules(), queues_bound()


def is_as(service, before):
    def same():
        return facts(service) == before
    try:
        until("everything is as before", same)
    except Failed as e:
        raise Failed(f"{e}:\n{before}\n{facts(service)}") from None


def seems_as(service, before):
    """The same at a glance: there are as many clients, which have the same queues."""
    until("each client has its queue",
          lambda: len(service.pumps()) == len(before[0]) and queues_bound() == before[3])


def somebody_comes(service):
    """A new client, that has a queue of the backend copy, then a lease of the spare queue."""
    with Connection(service.socket) as connection:
        for backend in COPY, BACKEND:
            open_and_close(connection, backend)
            if IS_DEVMEM:
                break  # what needs a dma-buf the streams have


class Comers(threading.Thread):
    """Clients that come one after the other, until the block is left."""

    def __init__(self, service):
        super().__init__()
        self.service, self.leave, self.longest, self.trouble = service, threading.Event(), 0, None

    def run(self):
        try:
            while not self.leave.is_set():
                begun = time.monotonic()
                somebody_comes(self.service)
                self.longest = max(self.longest, time.monotonic() - begun)
        except (OSError, Lost) as e:
            self.trouble = f"{type(e).__name__}: {e}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.leave.set()
        self.join()


def pause():
    """For a random time."""
    quick = os.getpriority(os.PRIO_PROCESS, 0) == QUICK_PRIORITY
    time.sleep(random.random() * (QUICK_PAUSE_SECONDS if quick else PAUSE_SECONDS))


def killed(service, meanwhile=lambda: None, times=1):
    """
    And started again after a random time; all but the first time it is killed while it starts. Returns how soon
    after the last start a new client is served.
    """
    service.end(signal.SIGKILL)
    meanwhile()
    pause()
    for _ in range(times - 1):
        service.start(until_it_serves=False)
        time.sleep(random.random() * START_SECONDS)
        service.end(signal.SIGKILL)
    begun = time.monotonic()
    service.start()
    somebody_comes(service)
    return time.monotonic() - begun


def upgraded(service, programs):
    """To the other version. Returns how long it takes to serve a client that comes meanwhile, at most."""
    programs.install_other()
    pid = service.document()["pid"]
    with Comers(service) as comers:
        said = do(CTL, "upgrade", "--socket", service.status)
    expect("who comes meanwhile is served", not comers.trouble, comers.trouble)
    document = service.document()
    expect("it is the other version", (document["version"] == "next") == (programs.version == "next"), said)
    expect("it is the same process", document["pid"] == pid, document["pid"])
    return comers.longest


def survives(how, service, streams, before, *arguments, compare=is_as):
    """What befalls zcrxd at a random moment. Returns how soon whoever comes is served."""
    pause()
    for s in streams:
        s.goes_on()
    begun = time.monotonic()
    served = how(service, *arguments)
    compare(service, before)
    print(f"    {how.__name__}: {served:.2f} s until a new client was served, {time.monotonic() - begun:.2f} s in all",
          flush=True)
    for s in streams:
        s.goes_on()
    return served


def ordinary(*pids):
    """Gives them the priority that zcrxd and this program do not have with --quick."""
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(task), 0)


def nobodys_stream_ends(service, programs, arguments, before_all):
    streams = [Stream(service) for _ in range(CLIENTS)]
    served = []
    try:
        until("all flows move", lambda: [len(q["flows"]) for q in service.queues()] == [FLOWS + 1] * CLIENTS
              and all(moving(q) > 0 for q in service.queues()))
        before = facts(service)
        for s in streams:
            ordinary(s.receives.pid, s.sends.pid)
        ordinary(*service.pumps())
        expect("each has a queue and its rule", len(before[2]) == CLIENTS == len(before[3]), before)
        rounds = arguments.kills // arguments.each
        for i in range(rounds):
            compare = seems_as if (i + 1) % arguments.compare else is_as
            served.append(survives(killed, service, streams, before, lambda: None, arguments.each, compare=compare))
            if (i + 1) * arguments.upgrades // rounds > i * arguments.upgrades // rounds:
                served.append(survives(upgraded, service, streams, before, programs, compare=compare))
        bytes_before = [moving(q) for q in service.queues()]
        until("all flows go on", lambda: all(moving(q) > b for q, b in zip(service.queues(), bytes_before)))
        got = [s.end() for s in streams]
    finally:
        for s in streams:
            s.kill()
    print(f"{rounds * arguments.each} kills, {arguments.upgrades} upgrades: "
          f"the longest stall of a client {max(g['stall_ns'] for g in got) / 1e6:.0f} ms; "
          f"a new client was served within {max(served):.2f} s; "
          f"{sum(g['bytes'] for g in got) >> 20} MiB", flush=True)
    expect("new clients are served soon", max(served) < arguments.served, served)
    unchanged(before_all)


def leftovers_go(service, before_all):
    """While there is no zcrxd a pump is killed, a client ends, and somebody deletes a rule."""
    stays = Stream(service)
    try:
        until("its flows move", lambda: [moving(q) > 0 for q in service.queues()] == [True])
        until("its flows are open", lambda: len(service.flows()) == FLOWS + 1)
        before, pumps = facts(service), set(service.pumps())
        crashes, leaves = Stream(service), None
        crashed = set(service.pumps()) - pumps
        leaves = Stream(service)
        until("all flows are open", lambda: len(service.flows()) == 3 * (FLOWS + 1))
        expect("three queues and rules", len(rules()) == 3 == len(queues_bound()), rules())

        def meanwhile():
            for pump in crashed:
                os.kill(pump, signal.SIGKILL)
            leaves.kill()
            number = re.search(r"Filter: (\d+)\n(?:(?!Filter).*\n)*?.*Dest port: %d " % stays.port,
                               rules_shown())[1]
            do("ethtool", "-N", "zc0", "delete", number)

        survives(killed, service, [stays], before, meanwhile)
        crashes.kill()
        stays.end(steered=False)
    finally:
        stays.kill()
    unchanged(before_all)


def some_end_without_zcrxd(service, before_all):
    """Two of a client's streams end while there is no zcrxd: the others go on, and rules go with the next one."""
    port = next(ports)
    client = service.client("adopt", LOCAL[4], port, FLOWS, ENDLESS, f"backend={BACKEND}", "open-ended")
    wait_ready(client)
    ends, stays = (sender("connect", LOCAL[4], port, FLOWS // 2, ENDLESS, "open-ended", f"rate={RATE}")
                   for _ in range(2))
    try:
        until("each has its rule", lambda: len(rules()) == FLOWS)
        until("all flows move", lambda: min(f["bytes"] for f in service.flows()) > 0)
        service.end(signal.SIGKILL)
        ends.stdin.close()
        ends.stdin = None
        time.sleep(AWAY_SECONDS)
        expect("the rules stay as long as nobody can take them away", len(rules()) == FLOWS, rules())
        service.start()
        until("their rules are gone", lambda: len(rules()) == FLOWS // 2)
        stays.stdin.close()
        stays.stdin = None
        sent, got = sum(report(s)["bytes"] for s in (ends, stays)), report(client)
        expect(f"all {sent} bytes", got["bytes"] == sent, got)
        expect("the others did not wait", got["stall_ns"] < AWAY_SECONDS / 2 * 1e9, got)
    finally:
        for process in client, ends, stays:
            process.kill()
            process.wait(10)
    unchanged(before_all)


def requests_are_carried_out_once(service, before_all):
    """A client opens and closes queues while zcrxd is killed again and again: it is refused none."""
    trouble, rounds, stop = [], [], threading.Event()

    def client(connection):
        try:
            while not stop.is_set():
                open_and_close(connection, BACKEND)
                rounds.append(1)
        except (OSError, Lost) as e:
            trouble.append(f"{type(e).__name__}: {e}")

    with Connection(service.socket) as connection:
        thread = threading.Thread(target=client, args=[connection])
        thread.start()
        for _ in range(REQUEST_KILLS):
            time.sleep(random.random())
            service.end(signal.SIGKILL)
            service.start()
        stop.set()
        thread.join()
    expect(f"each request is carried out ({len(rounds)} rounds)", not trouble, trouble)
    unchanged(before_all)


def killed_for_good(service, before_all):
    """All that zcrxd and its pumps have goes with them in the end: SIGTERM puts the NIC back."""
    stream = Stream(service)
    try:
        until("its flows move", lambda: [moving(q) > 0 for q in service.queues()] == [True])
        service.end(signal.SIGKILL)
        service.start()
        service.end()
        expect("its client is told", stream.receives.wait(30) == 1, "")
        expect("what", "the queue is lost" in stream.receives.stderr.read(), "")
    finally:
        stream.kill()
    unchanged(before_all)


def main():
    only_in_guest()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", nargs="?", choices=["zcrx", "devmem"], default="zcrx")
    parser.add_argument("--kills", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--each", type=int, default=2,
                        help="of each so many kills, all but one are while zcrxd starts; the streams are looked at "
                        "after the last (%(default)s)")
    parser.add_argument("--upgrades", type=int, default=4, help="at most one for each look (%(default)s)")
    parser.add_argument("--compare", type=int, default=1,
                        help="at each of how many looks all the facts are compared (%(default)s)")
    parser.add_argument("--served", type=float, default=0.6,
                        help="seconds until a new client is served; more where times are not counts (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="zcrxd does not wait for the processor beside the streams, and pauses are shorter: for "
                        "many kills")
    arguments = parser.parse_args()
    random.seed(1)
    if arguments.quick:
        os.setpriority(os.PRIO_PROCESS, 0, QUICK_PRIORITY)
    remade(queues=QUEUES)
    before = nic()
    tally = Tally()
    programs = Programs()
    with Service(queues=f"{FIRST_QUEUE}-{QUEUES - 1}", program=programs.zcrxd) as service:
        tally.run("killed and upgraded", nobodys_stream_ends, service, programs, arguments, before)
        tally.run("leftovers go", leftovers_go, service, before)
        tally.run("some streams end without zcrxd", some_end_without_zcrxd, service, before)
        if not IS_DEVMEM:  # what needs a dma-buf the streams have
            tally.run("requests are carried out once", requests_are_carried_out_once, service, before)
        tally.run("killed, started and stopped", killed_for_good, service, before)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


sys.exit(main())
