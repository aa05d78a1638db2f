#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients in containers, which can do nothing with io_uring and next to nothing with the network,
receive through zcrxd outside."""
import itertools
import os
import re
import signal
import subprocess
import sys

from guest import (LOCAL, PEER, REMOTE, STREAM, Skip, Tally, data_split, ifindex, only_in_guest,
                   rules_shown, steered, until)
from netlink import Family
from podman import FIRST_UID, Container, needed, publish
from service import (CTL, DAEMON_UID, Service, do, expect, finish, report, sender, transfer,
                     wait_ready, zero_copy)

MIB = 1 << 20
# Theirs, with a socket in a folder of its own. All others have no NIC.
FOLDER, SOCKET = "/run/pods", "/run/pods/zcrx.sock"
PODS = f"[class pods]\nsocket={SOCKET}\nmode=0666\nnics=zc0\nhost-flows=yes\n"
# As root outside and inside: the second must be told no.
TRY_IO_URING = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
print(errno.errorcode.get(ctypes.get_errno(), 0) if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0 else "made")
"""
CAP_NET_ADMIN = 12
QUEUE_CREATE, QUEUE_IFINDEX, QUEUE_TYPE, QUEUE_LEASE, RX = 16, 2, 3, 8, 0
LEASE_IFINDEX, LEASE_QUEUE, LEASE_NETNS, QUEUE_ID = 1, 2, 3, 1
ports = itertools.count(25000)


def stream(container, address, how="listen", flows=4, size=4 * MIB, options=()):
    """What the client in there reports of its streams; it has looked at every byte."""
    if how == "connect":
        address = REMOTE[6 if ":" in address else 4]
    return transfer(container, next(ports), flows, size, how, address, options)


def shut_in(service, container):
    """It is a container indeed, and io_uring is none of its."""
    ours = do("/usr/bin/python3", "-c", TRY_IO_URING).strip()
    theirs = container.run("/usr/bin/python3", "-c", TRY_IO_URING).strip()
    expect("io_uring_setup works outside", ours == "made", ours)
    expect("io_uring_setup is refused inside", theirs in ("EPERM", "ENOSYS"), theirs)
    status = dict(line.split(":\t", 1) for line in container.proc("status").splitlines() if ":\t" in line)
    expect("a seccomp filter", status["Seccomp"] == "2", status["Seccomp"])
    for name in "CapEff", "CapPrm", "CapBnd":
        expect("no CAP_NET_ADMIN", not int(status[name], 16) >> CAP_NET_ADMIN & 1, status[name])
    users = container.proc("uid_map").split()
    expect("its root is nobody outside", users[:2] == ["0", str(FIRST_UID)], users)
    for name in "user", "mnt", "pid", "net":
        inside = os.readlink(f"/proc/{container.pid}/ns/{name}")
        expect(f"a {name} namespace of its own", inside != os.readlink(f"/proc/self/ns/{name}"), inside)


def only_the_socket(service, container):
    """Of zcrxd's folders one is mounted, with nothing in it but what $ZCRX_SOCKET names."""
    ours = service.dir.removeprefix("/tmp"), FOLDER.removeprefix("/run")  # tmpfs both
    found = [line.split() for line in container.proc("mountinfo").splitlines()]
    mounted = [fields[4] for fields in found if fields[3].startswith(ours)]
    named = container.environment["ZCRX_SOCKET"]
    expect("one mount", mounted == [os.path.dirname(named)], found)
    inside = f"/proc/{container.pid}/root{named}"
    expect("the class's socket", os.stat(inside).st_ino == os.stat(SOCKET).st_ino, named)
    expect("nothing beside it", os.listdir(os.path.dirname(inside)) == [os.path.basename(SOCKET)], named)


def granted(service, container):
    """Sockets of zcrxd's network namespace."""
    for how in "listen", "connect":
        zero_copy(stream(container, LOCAL[4], how, size=8 * MIB, options=["host", "backend=3"]),
                  0.99 if how == "listen" else 0)


def copied(service, container, address, reason, how="listen", bound=None):
    """It is received all the same."""
    port = next(ports)
    client = container.client(how, bound or address, port, 1, MIB)
    wait_ready(client)
    if reason:
        until(reason, lambda: any(reason in r for r in service.reasons()))
        expect("no rule", "Filter:" not in rules_shown(), "")
    send = sender("connect", address, port, 1, MIB)
    got = report(client)
    finish(send)
    expect("everything copied", got["bytes_copied"] > 0.99 * got["bytes"], got)


def not_led_there(service, address, container):
    """It claims the address of somebody else, which costs it nothing, and gets no rule."""
    prefix = f"{address}/128" if ":" in address else f"{address}/32"
    container.ip("address", "add", prefix, "dev", "lo")
    client = container.client("listen", address, next(ports), 1, MIB)
    try:
        wait_ready(client)
        until("it is told why", lambda: any("not routed there" in r for r in service.reasons()))
        expect("no rule", "Filter:" not in rules_shown(), "")
    finally:
        container.ip("address", "delete", prefix, "dev", "lo")
        # Of podman exec only the process outside would die.
        for found in service.document()["clients"]:
            os.kill(found["pid"], signal.SIGKILL)
        client.communicate(timeout=20)
    until("its flows are gone", lambda: not service.reasons())


def through_netkit(service, container, address):
    for how in "listen", "adopt", "connect":
        # What comes before an adopted socket is steered is copied; a listener is steered at once.
        zero_copy(stream(container, address, how, size=8 * MIB), 0.99 if how == "listen" else 0)


def lease_to(container, queue):
    """The kernel's own way to give a queue of zc0 to a container: it becomes queue 1 of its eth0."""
    ours = int(re.search(r"nsid (\d+) .*name: rx\)", container.ip("netns", "list-id"))[1])
    eth0, zc0 = int(container.ip("-o", "link", "show", "eth0").split(":")[0]), ifindex()
    with container.network():
        netdev = Family("netdev")
        netdev.call(QUEUE_CREATE, [(QUEUE_IFINDEX, eth0), (QUEUE_TYPE, RX), (QUEUE_LEASE, [
            (LEASE_IFINDEX, zc0), (LEASE_NETNS, ours),
            (LEASE_QUEUE, [(QUEUE_ID, queue), (QUEUE_TYPE, RX)])])])
        netdev.close()


def leased(service, container, address):
    """A queue that is leased to a container can only be used from in there, by who has all
    privileges: zcrxd cannot, and says so."""
    lease_to(container, 3)
    client = container.client("listen", address, next(ports), 1, MIB, "backend=3")
    words = client.communicate(timeout=20)[1]
    expect("it is refused", client.returncode == 1 and "queue 3 of zc0" in words, words)
    words = do(CTL, "doctor", "zc0", check=False)
    expect("the doctor knows why", "leased to queue 1 of" in words, words)
    copied(service, container, address, "")
    data_split()
    port = next(ports)
    arguments = [address, str(port), "1", str(4 * MIB)]
    with steered(port, 3, (4,)):
        receive = subprocess.Popen(
            ["nsenter", f"--net=/proc/{container.pid}/ns/net", STREAM, "zcrx", *arguments, "plain", "eth0", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect("it listens", receive.stdout.readline() == "listening\n", "")
        do(*PEER, STREAM, "send", *arguments)
        finish(receive)


def started_again(service, container):
    """It makes a new socket, which is in the folder that the container has mounted."""
    before = os.stat(SOCKET).st_ino
    service.end()
    service.start()
    expect("another socket", os.stat(SOCKET).st_ino != before, before)
    zero_copy(stream(container, LOCAL[4], options=["host"]))


def main():
    only_in_guest()
    tally = Tally()
    try:
        needed()
    except Skip as e:
        print(f"skip: {e}")
        sys.exit(77)
    os.mkdir(FOLDER)
    os.chown(FOLDER, DAEMON_UID, DAEMON_UID)
    with Service(classes=PODS) as service:
        publish(service)
        with Container("one") as one, Container("two") as two:
            tally.run("io_uring is refused inside", shut_in, service, one)
            tally.run("only the socket is mounted", only_the_socket, service, one)
            tally.run("sockets of zcrxd's namespace", granted, service, one)
            behind_veth = one.lead("veth", 1)
            behind_netkit = two.lead("netkit", 2)
            for version, everywhere in (4, "0.0.0.0"), (6, "::"):
                at, where = f", IPv{version}", (service, one, behind_veth[version])
                tally.run("behind a veth" + at, copied, *where, "not routed there")
                tally.run("behind a veth, adopted" + at, copied, *where, "", "adopt")
                where = service, two, behind_netkit[version]
                tally.run("behind a netkit" + at, through_netkit, *where)
                tally.run("all addresses" + at, copied, *where, "bound to an address", "listen", everywhere)
                tally.run("an address of the host" + at, not_led_there, service, LOCAL[version], two)
                tally.run("an address of its neighbour" + at, not_led_there, service,
                          behind_netkit[version], one)
            tally.run("zcrxd is started again", started_again, service, one)
    with Service(queues="3", classes=PODS) as service:
        publish(service)
        with Container("four") as four:
            tally.run("a leased queue", leased, service, four, four.lead("netkit", 4)[4])
    tally.exit()


main()
