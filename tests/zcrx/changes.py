#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What others do to a NIC while zcrxd leases its queues: put right, survived, or told; never silence."""
import re

from service import BACKEND, Failed, Service, do, finish, report, sender, until, wait_ready
from guest import LOCAL, Tally, only_in_guest, queues_bound

MIB = 1 << 20
PORT = 23000


def begin(service, port, size):
    client = service.client("listen", LOCAL[4], port, 1, size, f"backend={BACKEND}")
    wait_ready(client)
    until("the queue is used", queues_bound)
    return client


def queues_in_rss():
    rows = re.findall(r"^ +\d+: +([\d ]+)$", do("ethtool", "-x", "zc0"), re.M)
    return {int(q) for row in rows for q in row.split()}


def rss_rewritten(service):
    client = begin(service, PORT, MIB)
    if queues_in_rss() != {0, 1}:
        raise Failed(f"other traffic is spread over {queues_in_rss()}")
    do("ethtool", "-X", "zc0", "equal", "4")
    until("zcrxd takes its queues back", lambda: queues_in_rss() == {0, 1})
    send = sender("connect", LOCAL[4], PORT, 1, MIB)
    report(client)
    finish(send)


def foreign_rules(service):
    """Somebody's packets go to a queue of ours: it is not leased until they do not."""
    said = do("ethtool", "-N", "zc0", "flow-type", "tcp4", "dst-port", "999", "action", "3")
    rule = re.search(r"ID (\d+)", said)[1]
    port = PORT + 50
    client = service.client("listen", LOCAL[4], port, 1, MIB, "backend=0")
    wait_ready(client)
    send = sender("connect", LOCAL[4], port, 1, MIB)
    got = report(client)
    finish(send)
    if got["backend"] != 1 or "not zcrxd's steer to queue 3" not in got["why_not"]:
        raise Failed(str(got))
    do("ethtool", "-N", "zc0", "delete", rule)  # it is still there
    client = begin(service, port + 1, MIB)
    client.kill()
    client.wait(10)
    until("its queue is free", lambda: not queues_bound())


def down_and_up(service):
    client = begin(service, PORT + 1, 4 * MIB)
    send = sender("connect", LOCAL[4], PORT + 1, 1, 4 * MIB)
    for _ in range(3):
        do("ip", "link", "set", "zc0", "down")
        do("ip", "link", "set", "zc0", "up")
        do("ip", "-6", "addr", "replace", "fd71::1/64", "dev", "zc0", "nodad")
    got = report(client)
    finish(send)
    if got["bytes"] != 4 * MIB:
        raise Failed(str(got))


def gone(service):
    client = begin(service, PORT + 2, MIB)
    do("rmmod", "zcnic")
    status = client.wait(20)
    words = client.stderr.read()
    if status != 1 or "the queue is lost: No such device" not in words:
        raise Failed(f"status {status}: {words}")
    client = service.client("listen", "127.0.0.1", PORT + 3, 1, MIB, "backend=0")
    wait_ready(client)
    send = sender("connect", "127.0.0.1", PORT + 3, 1, MIB, namespace=())
    got = report(client)
    finish(send)
    if got["backend"] != 1 or "zc0" not in got["why_not"]:
        raise Failed(str(got))


def main():
    only_in_guest()
    tally = Tally()
    with Service() as service:
        tally.run("the RSS table is rewritten", rss_rewritten, service)
        tally.run("rules that are not ours", foreign_rules, service)
        tally.run("down and up", down_and_up, service)
        tally.run("the NIC goes", gone, service)
        tally.run("zcrxd ends", service.end)
    tally.exit()


main()
