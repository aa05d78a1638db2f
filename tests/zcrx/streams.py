#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams through zcrxd by zero copy, every byte looked at by an unprivileged client."""
import itertools
import os
import re

from service import (BACKEND, COPY, DAEMON_UID, IS_DEVMEM, PEER, ZCRX, Service, do, expect, finish,
                     report, sender, transfer, until, wait_ready, zero_copy)
from guest import LOCAL, REMOTE, Tally, huge_pages, only_in_guest, rules_shown

MIB = 1 << 20
ports = itertools.count(20000)


def stream(service, how="listen", version=4, flows=1, size=2 * MIB, options=()):
    """One client, one sender; what the client reports."""
    address = REMOTE if how == "connect" else LOCAL
    return transfer(service, next(ports), flows, size, how, address[version], options)


def plain(service, how, version):
    # What comes before an adopted socket is steered is copied; a listener is steered at once.
    zero_copy(stream(service, how, version, size=8 * MIB), 0.99 if how == "listen" else 0)


def hosted(service, version):
    """The rule is there before the connection is: nothing of what the peer sends at once is copied."""
    got = stream(service, "connect", version, 4, options=["host"])
    zero_copy(got)
    expect("nothing at all", got["bytes_copied"] == 0, got)


def many(service, flows):
    zero_copy(stream(service, flows=flows, size=16 * MIB // flows, options=["area=16777216"]))


def with_control(service):
    """Sockets with options by which each read brings control messages. What comes before they are steered, and what the
    NIC does not split, is copied."""
    stream(service, "adopt", 4, 16, 65536, ["control"])
    faulty(service, "unsplit_every", 20, "adopt", ["control"])


def sockets(service):
    """How many TCP sockets the pumps have."""
    inodes = set()
    for table in "tcp", "tcp6":
        with open(f"/proc/net/{table}", encoding="ascii") as f:
            inodes |= {line.split()[9] for line in f.readlines()[1:]}
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for pid in service.pumps() for fd in os.listdir(f"/proc/{pid}/fd")]
    return sum(link[len("socket:["):-1] in inodes for link in links)


def let_go(service):
    """Of a stream that ended, and all of whose buffers are back, zcrxd keeps no socket, closed or not."""
    port = next(ports)
    client = service.client("listen", LOCAL[4], port, 4, MIB, f"backend={BACKEND}", "linger")
    wait_ready(client)
    expect("its listener", sockets(service) == 1, sockets(service))
    send = sender("connect", LOCAL[4], port, 4, MIB)
    expect("its report", "bytes" in client.stdout.readline(), "")
    until("the listener alone", lambda: sockets(service) == 1)
    expect("its flows are there", len(service.flows()) == 5, service.flows())
    client.communicate("")
    finish(send)


def sized(service, *options):
    zero_copy(stream(service, options=options))


def large(service):
    """The NIC wants them in one piece, so the area's pages have to be large."""
    do("sysctl", "-q", "vm.nr_hugepages=8")
    huge_pages(8)
    got = stream(service, options=["buffer=65536", "area=8388608", "huge"])
    zero_copy(got)
    expect("buffers of 64 KiB", got["buffer_bytes"] == 65536, got)


def stinting(service):
    """Small packets in large buffers: more completions than a client can hold, so that it has to give back before it
    takes the next ones. It gives back one at a time, and the NIC, which has buffers, takes none of them back."""
    do("sysctl", "-q", "vm.nr_hugepages=8")
    huge_pages(8)
    do(*PEER, "ethtool", "-K", "zc1", "tso", "off")
    try:
        got = stream(service, size=2 * MIB, options=["buffer=65536", "area=8388608", "huge", "stint"])
        expect("small packets", got["completions"] > 1024, got)
    finally:
        do(*PEER, "ethtool", "-K", "zc1", "tso", "on")


def scarce(service):
    """What came before they are steered is copied, each piece of it into a large buffer of its own."""
    do("sysctl", "-q", "vm.nr_hugepages=24")
    do(*PEER, "ethtool", "-K", "zc1", "tso", "off")
    try:
        for _ in range(4):
            huge_pages(32)
            stream(service, "adopt", 4, 256, 16384, ["buffer=65536", "area=33554432", "huge"])
    finally:
        do(*PEER, "ethtool", "-K", "zc1", "tso", "on")


def in_dmabuf(service, how, version, flows=1):
    """The kernel cannot copy there: what is not placed by the NIC comes through the side buffer."""
    zero_copy(stream(service, how, version, flows, 8 * MIB // flows,
                     ["memory=udmabuf", "area=8388608"]), 0.99 if how == "listen" else 0)


def link(service, settings, undo):
    for command in settings:
        do(*command)
    try:
        zero_copy(stream(service))
        zero_copy(stream(service, version=6))
    finally:
        for command in undo:
            do(*command)


def faulty(service, fault, value, how="listen", options=()):
    """Whatever the NIC does wrong but the bytes themselves: every one arrives, copied or not."""
    path = f"/sys/kernel/debug/zcnic/zc0/{fault}"
    with open(path, "w", encoding="ascii") as f:
        f.write(str(value))
    try:
        zero_copy(stream(service, how, options=options), 0)
        zero_copy(stream(service, how, flows=8, size=MIB // 2, options=options), 0)
        if not IS_DEVMEM:
            zero_copy(stream(service, how, flows=8, size=MIB // 2, options=["memory=udmabuf", *options]), 0)
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write("0")


def clients_at_once(service):
    """One more than there are queues: that one receives by copy, and is told why."""
    clients, senders = [], []
    for _ in range(3):
        port = next(ports)
        clients.append(service.client("listen", LOCAL[4], port, 4, MIB))
        wait_ready(clients[-1])
        senders.append((port, None))
    senders = [sender("connect", LOCAL[4], port, 4, MIB) for port, _ in senders]
    got = [report(c) for c in clients]
    for s in senders:
        finish(s)
    expect("two by zcrx, one by copy", sorted(g["backend"] for g in got) == [COPY, ZCRX, ZCRX], got)
    expect("different queues", len({g["rxq"] for g in got if g["backend"] == ZCRX}) == 2, got)
    expect("a reason", "in use" in "".join(g["why_not"] for g in got), got)


def refused(service):
    client = service.client("listen", LOCAL[4], next(ports), 1, MIB, "backend=3", "area=12288",
                            "buffer=65536")
    expect("an area smaller than a buffer is refused", client.wait(20) == 1, "")
    expect("and its queue is free again", stream(service)["backend"] == BACKEND, "")


def only_dmabufs(service):
    client = service.client("listen", LOCAL[4], next(ports), 1, MIB, "memory=")
    expect("a memfd is refused", client.wait(20) == 1, "")
    words = client.stderr.read()
    expect("and why", "dma-bufs only" in words, words)


def not_ours(service, address, wanted):
    """Two flows on one socket: the rules are for neither, or for one of them only."""
    client = service.client("twice", address, next(ports), 1, 1)
    wait_ready(client)
    try:
        until(f"the reasons are {wanted}", lambda: sorted(service.reasons()) == sorted(wanted))
    finally:
        client.kill()
        client.wait(10)
    until("its flows are gone", lambda: not service.reasons())
    expect("no rule is left", "Filter:" not in rules_shown(), "")


def everywhere(service, anywhere, rules):
    """A listener on all addresses gets a rule for each of the NIC's: no rule is for all addresses."""
    port = next(ports)
    client = service.client("listen", anywhere, port, len(rules), MIB)
    wait_ready(client)
    found = rules_shown()
    addresses = re.findall(r"Dest IP addr: (\S+) mask: (?:0\.0\.0\.0|::)\n", found)
    expect("no rule without an address", len(addresses) == found.count("Filter:"), found)
    expect(f"rules for {rules}", {a for a in addresses if not a.startswith("fe80")} == rules, found)
    senders = [sender("connect", address, port, 1, MIB) for address in rules]
    zero_copy(report(client))
    for s in senders:
        finish(s)


def by_flow(service):
    """Beside each other on one queue: what comes through the NIC, and what has to be copied."""
    port = next(ports)
    client = service.client("listen", "0.0.0.0", port, 2, 64 * MIB)
    wait_ready(client)
    senders = [sender("connect", LOCAL[4], port, 1, 64 * MIB),
               sender("connect", "127.0.0.1", port, 1, 64 * MIB, namespace=())]

    def told():
        shares = {f["local"].split(":")[0]: f["bytes_copied"] / f["bytes"]
                  for f in service.flows() if f["bytes"] > MIB}
        return shares.get(LOCAL[4], 1) < 0.05 and shares.get("127.0.0.1", 0) > 0.95

    try:
        until("the status tells them apart", told)
    finally:
        for process in client, *senders:
            process.kill()
            process.wait(10)
    until("its flows are gone", lambda: not service.flows())


def elsewhere(service, *options):
    """A socket of another network namespace gets no rule of ours; it is received all the same."""
    port = next(ports)
    client = service.client("listen", REMOTE[4], port, 1, 32 * MIB, *options, namespace=PEER)
    wait_ready(client)
    send = sender("connect", REMOTE[4], port, 1, 32 * MIB, namespace=())

    until("the status tells why",
          lambda: any("another network namespace" in r for r in service.reasons()))
    got = report(client)
    finish(send)
    # What lies beside a packet's header the kernel copies without counting it.
    expect("everything copied", got["bytes_copied"] > 0.99 * got["bytes"], got)


def privileges(service):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    expect("a user of its own", status["Uid"].split()[0] == str(DAEMON_UID), status["Uid"])
    expect("CAP_NET_ADMIN and CAP_IPC_LOCK", int(status["CapEff"], 16) == 1 << 12 | 1 << 14,
           status["CapEff"])


def dmabufs(service, tally):
    for how, version in itertools.product(("listen", "adopt"), (4, 6)):
        tally.run(f"a dma-buf, {how}, IPv{version}", in_dmabuf, service, how, version)
    tally.run("a dma-buf, 64 flows", in_dmabuf, service, "listen", 4, 64)


def main():
    only_in_guest()
    tally = Tally()
    with Service(classes="[class default]\nnics=zc0\nhost-flows=yes\n") as service:
        tally.run("zcrxd has two capabilities", privileges, service)
        for how, version in itertools.product(("listen", "adopt", "connect"), (4, 6)):
            tally.run(f"{how}, IPv{version}", plain, service, how, version)
        for version in (4, 6):
            tally.run(f"connect in zcrxd, IPv{version}", hosted, service, version)
        for flows in (16, 256):
            tally.run(f"{flows} flows", many, service, flows)
        tally.run("sockets that want control messages", with_control, service)
        tally.run("sockets of streams that ended", let_go, service)
        tally.run("a CQ of 64 entries", sized, service, "cq=64")
        tally.run("an area of 256 KiB", sized, service, "area=262144")
        if IS_DEVMEM:
            tally.run("a memfd", only_dmabufs, service)
        else:
            tally.run("buffers of 64 KiB", large, service)
            tally.run("one who gives back a little at a time", stinting, service)
            tally.run("more pieces to copy than such buffers", scarce, service)
            dmabufs(service, tally)
        tally.run("MTU 9000", link, service,
                  [["ip", "link", "set", "zc0", "mtu", "9000"],
                   [*PEER, "ip", "link", "set", "zc1", "mtu", "9000"]],
                  [["ip", "link", "set", "zc0", "mtu", "1500"],
                   [*PEER, "ip", "link", "set", "zc1", "mtu", "1500"]])
        tally.run("TSO off", link, service, [[*PEER, "ethtool", "-K", "zc1", "tso", "off"]],
                  [[*PEER, "ethtool", "-K", "zc1", "tso", "on"]])
        for fault, value in (("drop_every", 100), ("alloc_fail_every", 50), ("unsplit_every", 20),
                             ("linear_payload", 16)):
            tally.run(f"the fault {fault}", faulty, service, fault, value)
        if not IS_DEVMEM:
            tally.run("more clients than queues", clients_at_once, service)
        tally.run("what cannot be opened leaves nothing", refused, service)
        tally.run("all addresses of IPv4", everywhere, service, "0.0.0.0", {LOCAL[4]})
        tally.run("all addresses", everywhere, service, "::", {LOCAL[4], LOCAL[6]})
        tally.run("an address that is not local", not_ours, service, "10.71.0.99",
                  ["The socket's local address is not one of this machine's."] * 2)
        tally.run("a socket adopted twice", not_ours, service, LOCAL[4],
                  ["", "Another flow is steered by the same addresses."])
        tally.run("a socket of another namespace", elsewhere, service)
        if not IS_DEVMEM:
            tally.run("what is copied, by flow", by_flow, service)
            tally.run("the same, beside a dma-buf", elsewhere, service, "memory=udmabuf")
        tally.run("zcrxd ends", service.end)
    tally.exit()


main()
