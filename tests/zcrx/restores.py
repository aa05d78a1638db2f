#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What zcrxd changes of a NIC is put back as it was, however it and its clients end."""
import argparse
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from client import Connection, Refused, open_and_close
from service import (BACKEND, CTL, ZCRX, Failed, Service, do, finish, nic, report, sender, unchanged,
                     uncomplaining, until, wait_ready)
from guest import LOCAL, Tally, only_in_guest, queues_bound, remade, rules_shown, steer

MIB = 1 << 20
PORT = 21000


def begin(service, port=PORT, size=64 * MIB):
    client = service.client("listen", LOCAL[4], port, 2, size, f"backend={BACKEND}")
    wait_ready(client)
    send = sender("connect", LOCAL[4], port, 2, size)
    until("the queue is used", queues_bound)
    return client, send


def used_and_ended(before):
    with Service() as service:
        unchanged(before)
        client, send = begin(service, size=MIB)
        report(client)
        finish(send)
        until("the last lease is over", lambda: nic() == before)
        service.end()
    unchanged(before)


def ended_while_used(before):
    with Service() as service:
        client, send = begin(service)
        service.end()
        client.wait(30)
        send.kill()
        unchanged(before)


def killed_and_restarted(before):
    with Service() as service:
        client, send = begin(service)
        service.killed()
        client.wait(30)
        send.kill()
        if nic() == before:
            raise Failed("the NIC was not changed: this tests nothing")
        os.unlink(service.socket)
        service.start()
        unchanged(before)
        client, send = begin(service, PORT + 1, MIB)
        report(client)
        finish(send)
        service.end()
    unchanged(before)


def killed_and_restored(before):
    """Without starting zcrxd again. While the queue is in use nothing is changed."""
    with Service() as service:
        client, send = begin(service, PORT + 1000, 1024 * MIB)
        if "in use" not in do(CTL, "restore", "--state", service.dir, check=False):
            raise Failed("restored while in use")
        service.killed()
        client.wait(30)
        send.kill()
        said = do(CTL, "restore", "--state", service.dir)
        if said != "zc0: is as it was\n":
            raise Failed(said)
        unchanged(before)
        if do(CTL, "restore", "--state", service.dir):
            raise Failed("it is done twice")


def killed_and_rules_of_others(before):
    """What steers to zcrxd's queues is not zcrxd's unless zcrxd has noted it."""
    with Service() as service:
        client, send = begin(service, PORT + 1500)
        service.killed()
        client.wait(30)
        send.kill()
        if f"Dest port: {PORT + 1500} " not in rules_shown():
            raise Failed("zcrxd had set no rule: this tests nothing")
        rule = steer(443, 3, 4)
        os.unlink(service.socket)
        service.start()
        shown = rules_shown()
        if "Dest port: 443 " not in shown or f"Dest port: {PORT + 1500} " in shown:
            raise Failed(f"rules that are left: {shown}")
        do("ethtool", "-N", "zc0", "delete", rule)
        unchanged(before)
        service.end()


def killed_and_another_card(before):
    """Another card has got the name: its settings and its rules are not zcrxd's to change."""
    with Service() as service:
        client, send = begin(service, PORT + 2000)
        service.killed()
        client.wait(30)
        send.kill()
        until("the queue is let go", lambda: not queues_bound())
        remade()
        steer(443, 3, 4)
        shown = nic()
        os.unlink(service.socket)
        service.start()
        if nic() != shown:
            raise Failed("zcrxd changed a card that is not the one of the journal")
        if "another card" not in service.said() or not os.path.exists(f"{service.dir}/nic-zc0.json.1"):
            raise Failed(service.said())
        service.end()
    remade()
    unchanged(before)


def leased_again_and_again(before):
    """The NIC is made ready once, and put back some time after the last lease; at the end at once."""
    def journal():
        st = os.stat(os.path.join(service.dir, "nic-zc0.json"))
        return st.st_ino, st.st_mtime_ns

    with Service(linger=3600) as service:
        with Connection(service.socket) as connection:
            seen = set()
            for _ in range(15):
                open_and_close(connection, ZCRX)
                until("the queue is let go", lambda: not queues_bound())
                seen.add((journal(), nic()[0]))
            if len(seen) != 1 or nic()[0] == before[0]:
                raise Failed(f"made ready {len(seen)} times")
        service.end()
    unchanged(before)
    with Service(linger=5) as service:
        with Connection(service.socket) as connection:
            open_and_close(connection, ZCRX)
            if nic()[0] == before[0]:
                raise Failed("it did not linger")
            unchanged(before)
            open_and_close(connection, ZCRX)
            unchanged(before)
        service.end()


def leases_are_limited(before):
    with Service(classes="[class default]\nnics=zc0\nleases-per-minute=3\n", linger=3600) as service:
        begun, refusal = time.monotonic(), None
        with Connection(service.socket) as connection:
            try:
                for _ in range(4):
                    open_and_close(connection, ZCRX)
            except Refused as e:
                refusal = e
        if time.monotonic() - begun < 60 and (
                not refusal or refusal.reason != "QUOTA" or not re.search(r"try again in \d+ s", refusal.text)):
            raise Failed(f"not refused as it should be: {refusal}")
        service.end()
    unchanged(before)


def planned(before):
    said = do(CTL, "plan", "zc0", "2-3,9")
    for words in ("header split: off -> on", "RSS table: 2 queues leave it", "queue 9: there is none"):
        if words not in said:
            raise Failed(f"no '{words}' in: {said}")
    unchanged(before)


def clients_killed(before, kills):
    random.seed(1)
    with Service() as service:
        until("zcrxd has started", lambda: "serves clients" in service.said())
        at_first = service.descriptors()
        for i in range(kills):
            client = service.client("listen", LOCAL[4], PORT + 2 + i, 2, 64 * MIB, f"backend={BACKEND}")
            send = None
            if random.random() < 0.7:
                wait_ready(client)
                send = sender("connect", LOCAL[4], PORT + 2 + i, 2, 64 * MIB)
            try:
                client.wait(random.random())
            except Exception:  # not over yet, as it should be
                pass
            client.kill()
            client.wait(10)
            if send:
                send.kill()
                send.wait(10)
        until("every lease is over", lambda: nic() == before, 60)
        until("every pump has ended", lambda: len(service.processes()) == 1, 60)
        left = service.descriptors() - at_first
        if left > 1:  # the last journal stays open until the next
            raise Failed(f"{left} descriptors are left over")
        service.end()
    unchanged(before)


def main():
    only_in_guest()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", nargs="?", choices=["zcrx", "devmem"], default="zcrx")
    parser.add_argument("--kills", type=int, default=20, help="of clients (%(default)s)")
    kills = parser.parse_args().kills
    before = nic()
    tally = Tally()
    tally.run("used, and ended", used_and_ended, before)
    tally.run("ended while used", ended_while_used, before)
    tally.run("killed and started again", killed_and_restarted, before)
    tally.run("killed and restored by hand", killed_and_restored, before)
    tally.run("killed, and others have rules, too", killed_and_rules_of_others, before)
    tally.run("killed, and another card has the name", killed_and_another_card, before)
    tally.run("leased again and again", leased_again_and_again, before)
    tally.run("leases are limited", leases_are_limited, before)
    tally.run("a plan changes nothing", planned, before)
    tally.run(f"clients killed {kills} times", clients_killed, before, kills)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
