#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What others do to a NIC while zcrxd leases its queues: put right, survived, or told; never silence."""
import os
import re
import signal
import subprocess
import sys
import time

from service import (BACKEND, COPY, CTL, DAEMON_UID, Failed, Service, as_user, do, finish, nic,
                     report, sender, transfer, unchanged, uncomplaining, until, wait_ready)
from guest import (CHANNELS_COMBINED, CHANNELS_SET, LOCAL, PEER, REMOTE, RINGS_SET, RINGS_SPLIT, SPLIT_OFF,
                   STREAM, Refused, Tally, data_split, ethtool_set, only_in_guest, queues_bound, remade, rules_shown)

MIB = 1 << 20
PORT = 23000
FLOWS_TOLD = 9  # the listener, and connections unread by the client: no more than these


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


def receives(service, port, backend=BACKEND):
    """A new client, from the first byte to the last; where it is put, and why not elsewhere."""
    wish = ["backend=0"] if backend == COPY else []
    got = transfer(service, port, 1, MIB, options=wish)
    if got["backend"] != backend:
        raise Failed(str(got))
    return got


def rearranged(before):
    """Rings and channels change while a queue is leased; one that was taken away cannot be."""
    with Service("1,3") as service:
        rearrange(service)
        service.end()
    unchanged(before)


def rearrange(service):
    client = begin(service, PORT + 10, 4 * MIB)
    for size in "256", "512":
        do("ethtool", "-G", "zc0", "rx", size)
    do("ethtool", "-L", "zc0", "combined", "3")
    try:
        for setting in (RINGS_SET, (RINGS_SPLIT, SPLIT_OFF)), (CHANNELS_SET, (CHANNELS_COMBINED, 1)):
            try:
                ethtool_set(*setting)
                raise Failed(f"the kernel allowed what takes the queue away: {setting}")
            except Refused:
                pass
        if not receives(service, PORT + 11, COPY)["why_not"]:
            raise Failed("copied, and nobody says why")
    finally:
        do("ethtool", "-L", "zc0", "combined", "4")
    receives(service, PORT + 12)
    send = sender("connect", LOCAL[4], PORT + 10, 1, 4 * MIB)
    got = report(client)
    finish(send)
    if got["bytes"] != 4 * MIB or got["bytes_copied"] > 0.01 * got["bytes"]:
        raise Failed(str(got))


def reset(service):
    client = begin(service, PORT + 20, 8 * MIB)
    send = sender("connect", LOCAL[4], PORT + 20, 1, 8 * MIB)
    for _ in range(5):
        do("ethtool", "--reset", "zc0", "all")
    got = report(client)
    finish(send)
    if got["bytes"] != 8 * MIB:
        raise Failed(str(got))


def rules_off(service):
    """All rules go with the feature; they come back, and with them the zero copy."""
    client = begin(service, PORT + 30, 8 * MIB)
    do("ethtool", "-K", "zc0", "ntuple", "off")
    until("zcrxd's rule is there again", lambda: f"Dest port: {PORT + 30} " in rules_shown())
    send = sender("connect", LOCAL[4], PORT + 30, 1, 8 * MIB)
    got = report(client)
    finish(send)
    if got["bytes_copied"] > 0.01 * got["bytes"]:
        raise Failed(str(got))
    until("no rule is left", lambda: f"Dest port: {PORT + 30} " not in rules_shown())


def lost(client):
    status = client.wait(20)
    words = client.stderr.read()
    if status != 1 or "the queue is lost: No such device" not in words:
        raise Failed(f"status {status}: {words}")


def elsewhere(*command):
    return do(*PEER, *command)


def flows(service):
    return sum(len(q["flows"]) for c in service.document()["clients"] for q in c["queues"])


def moved(service, before, cling=False):
    """To another namespace: lost at once, whatever the client does; put back when it returns."""
    client = service.client("listen", LOCAL[4], PORT + 40, 1, MIB, f"backend={BACKEND}",
                            *(["hoard"] if cling else []))
    wait_ready(client)
    until("the queue is used", queues_bound)
    if cling:
        client.send_signal(signal.SIGSTOP)
        crowd = sender("connect", LOCAL[4], PORT + 40, 200, 1)
        until("more connections wait than it can be told of", lambda: flows(service) > FLOWS_TOLD)
    do("ip", "link", "set", "zc0", "netns", "tx")
    if not cling:
        lost(client)
    listed = "import guest; print(guest.queues_bound(), guest.pools(detached=True))"
    until("nobody holds a queue", lambda: elsewhere(sys.executable, "-c", listed) == "[] []\n")
    elsewhere("ip", "link", "set", "zc0", "netns", str(os.getpid()))
    do("ip", "link", "set", "zc0", "up")
    # What lies in its sockets is its own until it ends; settings and queues are not.
    until("settings and queues are as they were", lambda: nic()[:2] == before[:2])
    if cling:
        client.kill()
        client.wait(10)
        crowd.kill()
        crowd.wait(10)
    unchanged(before)
    for address in f"{LOCAL[4]}/24", f"{LOCAL[6]}/64":
        do("ip", "address", "replace", address, "dev", "zc0", "nodad")
    receives(service, PORT + 41)
    unchanged(before)


def gone(service, before):
    client = begin(service, PORT + 2, MIB)
    do("rmmod", "zcnic")
    lost(client)
    client = service.client("listen", "127.0.0.1", PORT + 3, 1, MIB, "backend=0")
    wait_ready(client)
    send = sender("connect", "127.0.0.1", PORT + 3, 1, MIB, namespace=())
    got = report(client)
    finish(send)
    if got["backend"] != COPY or "zc0" not in got["why_not"]:
        raise Failed(str(got))
    remade()
    unchanged(before)
    receives(service, PORT + 4)
    unchanged(before)


SERVES = '''
import socket, struct, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as server:
    print("ready", flush=True)
    peer, _ = server.accept()
    sys.stdin.readline()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
'''


def steers_to(port):
    return f"Src port: {port} " in rules_shown()


def abandoned(service):
    """A pump that does nothing keeps no rule of a socket that has gone."""
    port = PORT + 60
    peer = subprocess.Popen([*PEER, sys.executable, "-c", SERVES, REMOTE[4], str(port)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_ready(peer)
    client = service.client("connect", REMOTE[4], port, 1, MIB, f"backend={BACKEND}")
    pumps = []
    try:
        until("it is steered", lambda: steers_to(port))
        pumps = service.pumps()
        for pump in pumps:
            os.kill(pump, signal.SIGSTOP)
        time.sleep(6)  # the broker looks again and again
        if not steers_to(port):
            raise Failed("the rule of a connection is taken away")
        peer.communicate("reset\n", 10)
        until("the rule is gone", lambda: not steers_to(port))
    finally:
        for pump in pumps:
            os.kill(pump, signal.SIGCONT)
        for process in client, peer:
            process.kill()
            process.wait(10)


def holder(queue):
    """Another program, of zcrxd's user, so that it can see who it is."""
    process = subprocess.Popen(
        [*as_user(DAEMON_UID, "net_admin", "ipc_lock"), STREAM, "zcrx", LOCAL[4], str(PORT + 90 + queue),
         "1", "1", "plain", "zc0", str(queue)], stdout=subprocess.DEVNULL)
    until(f"queue {queue} is held", lambda: queue in queues_bound())
    return process


def held():
    """Queues that others hold are passed over; when there is no other, it is said who has them."""
    data_split()
    with Service() as service:
        holders = [holder(2)]
        try:
            got = receives(service, PORT + 80)
            if got["rxq"] != 3:
                raise Failed(str(got))
            until("only the other one's is bound", lambda: queues_bound() == [2])
            holders.append(holder(3))
            client = service.client("listen", LOCAL[4], PORT + 81, 1, MIB, f"backend={BACKEND}")
            if client.wait(30) != 1:
                raise Failed("it was not refused")
            words, plan = client.stderr.read(), do(CTL, "plan", "zc0", "2-3")
            named = f"pid {holders[0].pid} (kernel-stream)"
            for wanted, said in (("Another program holds queue", words), (named, words), (named, plan)):
                if wanted not in said:
                    raise Failed(f"'{wanted}' is not said: {said}")
        finally:
            for process in holders:
                process.kill()
                process.wait(10)
        until("no queue is bound", lambda: not queues_bound())
        service.end()
    data_split(False)


def main():
    only_in_guest()
    tally = Tally()
    before = nic()
    tally.run("rings and channels change", rearranged, before)
    with Service() as service:
        tally.run("the RSS table is rewritten", rss_rewritten, service)
        tally.run("down and up", down_and_up, service)
        tally.run("a reset", reset, service)
        tally.run("ntuple rules are switched off", rules_off, service)
        tally.run("a socket goes, and its pump does nothing", abandoned, service)
        tally.run("nothing is left", unchanged, before)
        tally.run("the NIC moves away and returns", moved, service, before)
        tally.run("it moves away from a client that does not listen", moved, service, before, True)
        tally.run("the NIC goes and returns", gone, service, before)
        tally.run("zcrxd ends", service.end)
    tally.run("another program holds the queues", held)
    tally.run("nothing is left after all", unchanged, before)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
