#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packets of others come to no leased queue, and zcrxd deletes no rule but its own: whatever somebody
does with rules, RSS contexts and addresses, before a lease and while there is one."""
import os
import re
import signal
import socket
import subprocess
import sys

from service import (CTL, Service, do, expect, finish, nic, report, sender, unchanged, uncomplaining,
                     until, wait_ready)
from guest import LOCAL, PEER, Failed, Tally, only_in_guest, queues_bound, rules_shown

sys.path.append(os.path.join(os.environ.get("ZCRX_SOURCE_DIR", "."), "tests", "python"))
from client import Area, Connection, Refused, message_receive  # noqa: E402
from tables import reasons, structs  # noqa: E402

MIB = 1 << 20
PORT = 25000
ZCRX = 3
WORD = b"SECRET of another user; "
COUNT = 2000
SERVER = f"""
import socket
s = socket.create_connection(({LOCAL[4]!r}, %d), 10)
s.sendall({WORD!r} * {COUNT})
s.shutdown(socket.SHUT_WR)
s.recv(1)
"""


def rules():
    """location -> the rest, as ethtool shows it."""
    parts = re.split(r"Filter: (\d+)\n", rules_shown())[1:]
    return dict(zip(map(int, parts[::2]), (" ".join(p.split()) for p in parts[1::2])))


def ports():
    return {loc: int(re.search(r"Dest port: (\d+)", text)[1]) for loc, text in rules().items()}


def rule_set(*what):
    """Returns where it stands."""
    said = do("ethtool", "-N", "zc0", "flow-type", "tcp4", *map(str, what))
    return str(what[-1]) if "loc" in what else re.search(r"ID (\d+)", said)[1]


def rule_delete(location):
    do("ethtool", "-N", "zc0", "delete", str(location))


def context_new(*weights):
    said = do("ethtool", "-X", "zc0", "context", "new", "weight", *map(str, weights))
    return re.search(r"context is (\d+)", said)[1]


def context_delete(context):
    do("ethtool", "-X", "zc0", "context", context, "delete")


class Lease:
    """A queue without flows."""

    def __init__(self, connection):
        self.area = Area(connection, MIB)
        self.given, fds = connection.request("QUEUE_OPEN", area_id=self.area.id, backend=ZCRX)
        self.channel = socket.socket(fileno=fds[2])
        for fd in fds[:2]:
            os.close(fd)

    def lost(self):
        """What it is told in the end."""
        self.channel.settimeout(30)
        while True:
            data, _ = message_receive(self.channel)
            if not data:
                raise Failed("it ended without a word")
            if len(data) == structs["msg_queue_lost"].size:
                return structs["msg_queue_lost"].unpack(data)

    def stays(self):
        self.channel.setblocking(False)
        try:
            data, _ = message_receive(self.channel)
        except BlockingIOError:
            return
        raise Failed(f"it was told: {data}")


def others_stream(port):
    """An ordinary server of somebody else's gets all that is sent to it."""
    with socket.create_server((LOCAL[4], port)) as listener:
        peer = subprocess.Popen([*PEER, sys.executable, "-c", SERVER % port])
        try:
            listener.settimeout(20)
            sock, _ = listener.accept()
            sock.settimeout(20)
            with sock:
                got = b""
                while data := sock.recv(65536):
                    got += data
            expect("all bytes", got == WORD * COUNT, len(got))
        finally:
            peer.kill()
            peer.wait(10)


def refused(connection, *sentences):
    try:
        Lease(connection)
    except Refused as e:
        for sentence in sentences:
            expect("it says why", sentence in str(e), e)
        return str(e)
    raise Failed("it was leased")


def context_before(service):
    """Queues of a further context are not leased, the others are; doctor and plan name it."""
    both, one = context_new(0, 0, 1, 1), None
    try:
        with Connection(service.socket) as c:
            refused(c, f"RSS context {both} includes queue 2")
        for command in ("plan", "zc0", "2-3"), ("doctor", "zc0"):
            said = subprocess.run([CTL, *command], capture_output=True, text=True, check=False)
            expect(f"{command[0]} names it", f"RSS context {both}" in said.stdout + said.stderr, said)
        context_delete(both)
        both, one = None, context_new(1, 0, 1, 0)
        with Connection(service.socket) as c:
            lease = Lease(c)
            expect("queue 3", lease.given["rxq"] == 3, lease.given)
            refused(c, f"RSS context {one} includes queue 2")
    finally:
        for context in filter(None, (both, one)):
            context_delete(context)
    until("no queue is bound", lambda: not queues_bound())


def rule_before(service):
    rule = rule_set("dst-ip", LOCAL[4], "dst-port", PORT, "action", 2)
    with Connection(service.socket) as c:
        lease = Lease(c)
        expect("queue 3", lease.given["rxq"] == 3, lease.given)
        said = refused(c, f"ntuple rule {rule}", "queue 2")
        expect("no address or port of others", LOCAL[4] not in said and str(PORT) not in said, said)
        expect("the log has them", f"to {LOCAL[4]} port {PORT}" in service.said(), service.said())
        said = subprocess.run([CTL, "plan", "zc0", "2-3"], capture_output=True, text=True, check=True)
        expect("plan names it", f"ntuple rule {rule}" in said.stdout + said.stderr, said)
    until("no queue is bound", lambda: not queues_bound())
    expect("somebody's rule is there still", list(ports().values()) == [PORT], rules())
    rule_delete(rule)


def lost_to(service, port, intrude, withdraw, logged, *sentences):
    """The lease that others' packets would come to is lost, and nobody else's; then they come where
    they belong."""
    with Connection(service.socket) as c, Connection(service.socket) as neighbour:
        lease, other = Lease(c), Lease(neighbour)
        if lease.given["rxq"] != 3:
            lease, other = other, lease
        made = intrude()
        told = lease.lost()
        expect("the reason", reasons[told["reason"]][0] == "INTRUDER", told)
        for sentence in sentences:
            expect("the sentence", sentence in told["text"], told)
        until("queue 3 is let go", lambda: queues_bound() == [2])
        others_stream(port)
        expect("nothing of it is in the area", bytes(lease.area.data).count(WORD[:8]) == 0, told)
        other.stays()
        expect("no address or port of others", LOCAL[4] not in told["text"] and str(port) not in told["text"], told)
        expect("the log says it", re.search(f"a lease is lost: .*{logged}", service.said()), service.said())
        withdraw(made)
    until("no queue is bound", lambda: not queues_bound())


def context_after(service):
    def withdraw(made):
        rule_delete(made[1])
        context_delete(made[0])

    def intrude():
        context = context_new(0, 0, 0, 1)
        return context, rule_set("dst-ip", LOCAL[4], "dst-port", PORT + 1, "context", context)

    lost_to(service, PORT + 1, intrude, withdraw, "queue 3", "RSS context", "queue 3")


def rule_after(service):
    def intrude():
        return rule_set("dst-ip", LOCAL[4], "dst-port", PORT + 2, "action", 3)

    def withdraw(rule):
        expect("somebody's rule is there still", PORT + 2 in ports().values(), rules())
        rule_delete(rule)

    lost_to(service, PORT + 2, intrude, withdraw, f"port {PORT + 2}", "which is not zcrxd's", "queue 3")


def begin(service, port, size=MIB, address=LOCAL[4]):
    client = service.client("listen", address, port, 1, size, "backend=3")
    wait_ready(client)
    until("there is a rule", lambda: port in ports().values())
    return client


def complete(client, port, size=MIB, address=LOCAL[4]):
    send = sender("connect", address, port, 1, size)
    got = report(client)
    finish(send)
    expect("all bytes", got["bytes"] == size, got)
    return got


def location(port):
    return next(loc for loc, p in ports().items() if p == port)


def why_is(service, *parts):
    until(f"the flow says: {parts}",
          lambda: any(all(p in why for p in parts) for why in service.reasons()))


def address_away(service):
    """A local address moves: its rule goes; it comes back, and so does the rule."""
    port, second = PORT + 10, "10.71.0.9"
    do("ip", "address", "add", f"{second}/24", "dev", "zc0")
    client = begin(service, port, address=second)
    do("ip", "address", "del", f"{second}/24", "dev", "zc0")
    until("the rule is gone", lambda: port not in ports().values())
    why_is(service, "local address has moved away")
    do("ip", "address", "add", f"{second}/24", "dev", "zc0")
    until("the rule is there again", lambda: port in ports().values())
    until("it says nothing any more", lambda: service.reasons() == [""])
    got = complete(client, port, address=second)
    expect("little is copied", got["bytes_copied"] < 0.05 * MIB, got)
    do("ip", "address", "del", f"{second}/24", "dev", "zc0")


def own_deleted(service):
    port = PORT + 20
    client = begin(service, port)
    rule_delete(location(port))
    until("the rule is there again", lambda: port in ports().values())
    got = complete(client, port)
    expect("little is copied", got["bytes_copied"] < 0.05 * MIB, got)
    expect("the log says it", "somebody removed or replaced 1 ntuple rules" in service.said(), service.said())


def own_replaced(service):
    """Somebody's rule at the number of ours is left alone, ours gets another one."""
    port, theirs = PORT + 30, 4444
    client = begin(service, port)
    where = location(port)
    rule_delete(where)
    rule_set("dst-port", theirs, "action", 1, "loc", where)
    until("ours is there again", lambda: set(ports().values()) == {port, theirs})
    complete(client, port)
    until("ours is gone", lambda: port not in ports().values())
    expect("theirs is there still", ports() == {where: theirs}, rules())
    rule_delete(where)


def own_replaced_at_the_end(service):
    """... also where zcrxd did not see it: it deletes what it set, not what stands there."""
    port, theirs = PORT + 40, 4445
    client = begin(service, port)
    where = location(port)
    rule_delete(where)
    rule_set("dst-port", theirs, "action", 1, "loc", where)
    client.kill()
    client.wait(10)
    until("the lease has ended", lambda: not service.queues() and not queues_bound())
    until("ours is gone", lambda: port not in ports().values())
    expect("theirs is there still", ports() == {where: theirs}, rules())
    rule_delete(where)


def overruled(service):
    """A rule for everything that goes before ours."""
    port = PORT + 50
    rule = rule_set("action", 0, "loc", 0)
    client = begin(service, port)
    why_is(service, "goes before zcrxd's")
    for command in ("plan", "zc0", "2-3"), ("doctor", "zc0"):
        said = subprocess.run([CTL, *command], capture_output=True, text=True, check=False).stdout
        expect(f"{command[0]} names it", re.search(rf"ntuple rule {rule}.*goes before", said), said)
    rule_delete(rule)
    until("it says nothing any more", lambda: service.reasons() == [""])
    complete(client, port)


def copied_all_the_same(service):
    """Rules and tables are right, and yet the NIC places nothing: then what is seen counts."""
    port, size = PORT + 60, 64 * MIB
    fault = "/sys/kernel/debug/zcnic/zc0/unsplit_every"
    client = service.client("listen", LOCAL[4], port, 1, size, "backend=3")
    wait_ready(client)
    with open(fault, "w", encoding="ascii") as f:
        f.write("1")
    try:
        send = sender("connect", LOCAL[4], port, 1, size)
        until("some is received", lambda: any(f["bytes"] > MIB for f in service.flows()))
        send.send_signal(signal.SIGSTOP)  # it would end before it is looked at
        why_is(service, "were all copied")
        send.send_signal(signal.SIGCONT)
        report(client)
        finish(send)
    finally:
        with open(fault, "w", encoding="ascii") as f:
            f.write("0")


def plain_locations(service):
    """Where the driver chooses no number for a rule, zcrxd and ethtool do not choose the same one."""
    port, path = PORT + 70, "/sys/kernel/debug/zcnic/zc0/plain_locations"
    with open(path, "w", encoding="ascii") as f:
        f.write("1")
    try:
        client = begin(service, port)
        ours = location(port)
        expect("the last eight are free", ours == 256 - 9, rules())
        theirs = [int(rule_set("dst-port", 4500 + i, "action", 1)) for i in range(12)]
        expect("ours is not among theirs", ours not in theirs and ports()[ours] == port, rules())
        complete(client, port)
        until("ours is gone", lambda: port not in ports().values())
        expect("theirs are there still", sorted(ports()) == sorted(theirs), rules())
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write("0")


def cleanly(step, service):
    """A step that fails does not make the others fail."""
    try:
        step(service)
    finally:
        for where in rules():
            do("ethtool", "-N", "zc0", "delete", str(where), check=False)
        for context in range(1, 8):
            do("ethtool", "-X", "zc0", "context", str(context), "delete", check=False)


def main():
    only_in_guest()
    tally = Tally()
    before = nic()
    with Service() as service:
        for name, step in {
                "a further RSS context before the lease": context_before,
                "somebody's rule before the lease": rule_before,
                "a further RSS context after the lease": context_after,
                "somebody's rule after the lease": rule_after,
                "a local address moves away and returns": address_away,
                "a rule of zcrxd's is deleted": own_deleted,
                "a rule of zcrxd's is replaced": own_replaced,
                "it is replaced, and the lease ends": own_replaced_at_the_end,
                "somebody's rule goes before zcrxd's": overruled,
                "all is copied for another reason": copied_all_the_same,
                "zcrxd chooses the number of a rule": plain_locations}.items():
            tally.run(name, cleanly, step, service)
        tally.run("zcrxd ends", service.end)
    tally.run("nothing is left after all", unchanged, before)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
