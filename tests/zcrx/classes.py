#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which class may lease which hardware queue, and have which packets steered there."""
import itertools
import os
import re
import signal

from service import BUILD, COPY, Service, do, expect, finish, report, sender, until, wait_ready, zero_copy
from guest import LOCAL, REMOTE, Tally, only_in_guest, queues_bound, rules_shown

MIB = 1 << 20
ZCRX_NUMBER = "backend=3"
CLASSES = """[class poor]
socket={dir}/poor
mode=0666
[class first]
socket={dir}/first
mode=0666
nics=zc0:2
[class near]
socket={dir}/near
mode=0666
nics=zc0:3
local=10.71.0.1:25000-25999
remote=10.71.0.2
[class far]
socket={dir}/far
mode=0666
nics=zc0:3
remote=192.0.2.0/24
"""
MENDED = "[zcrx]\nfixed-in-this-kernel=CVE-2026-43121 CVE-2026-43174 CVE-2026-45995\n"
ports = itertools.count(25000)


def client(service, name, *arguments):
    """Through the socket of this class."""
    return service.client(*arguments, socket=name)


def stream(service, name, port, how="listen", size=4 * MIB):
    """One stream; what the client reports, why its flows were not steered, the rules meanwhile."""
    if how == "connect":
        send = sender("serve", REMOTE[4], port, 1, size)
        wait_ready(send)
        process = client(service, name, how, REMOTE[4], port, 1, size)
        wait_ready(process)
    else:
        process = client(service, name, how, LOCAL[4], port, 1, size)
        wait_ready(process)
    # The answer to whether a connection may have a rule comes after the connection.
    until("it is steered or told why not",
          lambda: not queues_bound() or "Filter:" in rules_shown() or all(service.reasons()))
    found = service.reasons(), rules_shown()
    if how != "connect":
        send = sender("connect", LOCAL[4], port, 1, size)
    got = report(process)
    finish(send)
    expect("all bytes", got["bytes"] == size, got)
    until("its queue is free", lambda: not queues_bound())
    return got, *found


def none_to_lease(service):
    got, *_ = stream(service, "poor", next(ports))
    expect("it is copied", got["backend"] == COPY, got)
    expect("and told why", "Your class may not lease" in got["why_not"], got)
    process = client(service, "poor", "listen", LOCAL[4], next(ports), 1, MIB, ZCRX_NUMBER)
    expect("it cannot insist", process.wait(20) == 1, "")
    words = process.stderr.read()
    expect("and is told why", "nics=" in words, words)
    got, *_ = stream(service, "clients", next(ports))
    expect("nor may the default class", got["backend"] == COPY, got)


def its_own_queue(service):
    for name, rxq in (("first", 2), ("near", 3), ("first", 2)):
        got, *_ = stream(service, name, next(ports))
        # The connections of the second are steered one by one, after they began.
        zero_copy(got, 0.9 if name == "first" else 0.5)
        expect(f"{name} has queue {rxq}", got["rxq"] == rxq, got)


def one_class_does_not_use_anothers(service):
    holder = client(service, "first", "listen", LOCAL[4], next(ports), 1, MIB)
    wait_ready(holder)
    try:
        until("it has its queue", queues_bound)
        port = next(ports)
        second = client(service, "first", "listen", LOCAL[4], port, 1, MIB)
        wait_ready(second)
        send = sender("connect", LOCAL[4], port, 1, MIB)
        got = report(second)
        finish(send)
        expect("queue 3 is not for it", got["backend"] == COPY and "in use" in got["why_not"], got)
    finally:
        holder.kill()
        holder.wait(10)
    until("its queue is free", lambda: not queues_bound())


def remote_addresses(service):
    """Only some may be steered: then each connection has a rule, not the listener."""
    got, why, found = stream(service, "near", next(ports))
    expect("the listener has no rule", "Filter:" not in found and "each connection" in why[0], (why, found))
    zero_copy(got, 0.5)  # what came before its rule was copied
    got, why, found = stream(service, "near", next(ports), "connect", 64 * MIB)
    # The local port is the kernel's choice, and none of those that may be steered.
    expect("the local port is not listed", "local=" in why[0] and "Filter:" not in found, (why, found))
    expect("it is copied on the leased queue", got["bytes_copied"] > 0.99 * got["bytes"], got)
    got, why, found = stream(service, "far", next(ports), "connect", 64 * MIB)
    expect("the remote address is not listed", "remote=" in why[0] and "Filter:" not in found, (why, found))
    expect("it is copied, too", got["bytes_copied"] > 0.99 * got["bytes"], got)


def each_has_a_rule(service):
    port = next(ports)
    process = client(service, "near", "listen", LOCAL[4], port, 4, 64 * MIB)
    wait_ready(process)
    send = sender("connect", LOCAL[4], port, 4, 64 * MIB)
    try:
        until("four rules",
              lambda: len(re.findall(r"Src IP addr: 10\.71\.0\.2 mask: 0\.0\.0\.0", rules_shown())) == 4)
    finally:
        process.kill()
        process.wait(10)
        send.kill()
    until("no rule is left", lambda: "Filter:" not in rules_shown())
    until("its queue is free", lambda: not queues_bound())


def local_ports(service):
    got, why, found = stream(service, "near", 24999)
    expect("not this port", "local=" in why[0] and "Filter:" not in found, (why, found))
    expect("it is copied", got["bytes_copied"] > 0.99 * got["bytes"], got)
    got, why, found = stream(service, "first", next(ports))
    expect("the rule of a listener", why[0] == "" and found.count("Filter:") == 1, (why, found))


def reload(service, classes):
    with open(service.config, encoding="ascii") as f:
        kept = f.read().split("[class ", 1)[0]
    with open(service.config, "w", encoding="ascii") as f:
        f.write(kept + classes.replace("{dir}", service.dir))
    before = len(service.said())
    service.process.send_signal(signal.SIGHUP)
    until("it was read", lambda: "read again" in service.said()[before:])


def taken_away(service):
    """A lease outlives the leave to have it."""
    port = next(ports)
    process = client(service, "first", "listen", LOCAL[4], port, 1, 8 * MIB)
    wait_ready(process)
    until("it has its queue", queues_bound)
    reload(service, CLASSES.replace("nics=zc0:2\n", ""))
    send = sender("connect", LOCAL[4], port, 1, 8 * MIB)
    got = report(process)
    finish(send)
    zero_copy(got, 0.9)
    until("its queue is free", lambda: not queues_bound())
    got, *_ = stream(service, "first", next(ports))
    expect("no more", got["backend"] == COPY, got)
    reload(service, CLASSES)
    got, *_ = stream(service, "first", next(ports))
    zero_copy(got, 0.9)


def holes(mended):
    """On a kernel whose version has holes nobody gets zcrx, unless this one is said to have been mended."""
    library = os.path.join(BUILD, "tests/daemon/libother_release.so")
    environment = {"LD_PRELOAD": library, "OTHER_RELEASE": "6.19.0-rc3"}
    with Service(classes=(MENDED if mended else "") + CLASSES, environment=environment) as service:
        got, *_ = stream(service, "first", next(ports))
        if mended:
            zero_copy(got, 0.9)
        else:
            expect("it is copied", got["backend"] == COPY, got)
            expect("and told why", "CVE-2026-45995" in got["why_not"], got)
            expect("so is the administrator", "Linux 6.19.0-rc3 has holes" in service.said(), service.said())


def main():
    only_in_guest()
    tally = Tally()
    for mended in False, True:
        tally.run("holes of the kernel" + (", mended" if mended else ""), holes, mended)
    with Service(classes=CLASSES) as service:
        tally.run("a class without queues copies", none_to_lease, service)
        tally.run("each class has its own queue", its_own_queue, service)
        tally.run("a class does not use another's", one_class_does_not_use_anothers, service)
        tally.run("remote addresses", remote_addresses, service)
        tally.run("each connection has a rule", each_has_a_rule, service)
        tally.run("local ports", local_ports, service)
        tally.run("what was leased stays leased", taken_away, service)
        tally.run("zcrxd ends", service.end)
    tally.exit()


main()
