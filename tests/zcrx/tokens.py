#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tokens of devmem: zcrxd, kernel and client count the same, and none is left over, however a
client or zcrxd ends."""
import argparse
import json
import os
import time

from service import (BACKEND, Failed, Service, do, expect, finish, report, sender, uncomplaining,
                     until, wait_ready)
from guest import LOCAL, PEER, Tally, only_in_guest, pools, quiet

MIB = 1 << 20
PORT, ROUNDS_PORT = 23000, 25000
# A packet is a token: small ones make many, quickly. What is left of the MTU for the payload.
MTU, PAYLOAD = 200, 148
WARM_UP = 20
REST_SECONDS = 2  # of two equal looks; a hand waits for 0.2 s
RSS_KIB = 512  # what the daemon may take more, in the end; it allocates and frees all the time


def queue(service):
    return service.document()["clients"][0]["queues"][0]


def outstanding(service):
    q = queue(service)
    return q["lent"] - q["returned"]


def begin(service, port, size, *options):
    client = service.client("listen", LOCAL[4], port, 1, size, *options)
    wait_ready(client)
    return client


def kill(*processes):
    for p in processes:
        p.kill()
        p.wait(10)


def settled(service):
    """Nobody has a queue or a token any more."""
    until("the client is gone", lambda: not service.document()["clients"])
    quiet()


def streams_again(service, port):
    client = begin(service, port, 4 * MIB)
    send = sender("connect", LOCAL[4], port, 1, 4 * MIB)
    got = report(client)
    finish(send)
    expect("all bytes, by devmem", got["bytes"] == 4 * MIB and got["backend"] == BACKEND, got)


def agree(service, tokens):
    """returned is what the kernel says it freed; and its pool would not end with buffers out. The
    client does nothing any more: what it gave back last is found all the same."""
    size, port = tokens * PAYLOAD, PORT
    client = begin(service, port, size, "area=16777216", "linger")
    send = sender("connect", LOCAL[4], port, 1, size)
    line = client.stdout.readline()
    if not line:
        raise Failed(f"the client says: {client.communicate()[1]}")
    got = json.loads(line)
    until("no token is outstanding", lambda: outstanding(service) == 0)
    q = queue(service)
    counts = {q[name] for name in ("lent", "returned", "refills", "completions")}
    counts.add(got["completions"])
    expect("all counts are the same", len(counts) == 1, q)
    expect(f"at least {tokens}", min(counts) >= tokens, q)
    expect("nothing missed, refused or copied",
           q["missed"] == q["refills_refused"] == q["bytes_copied"] == 0, q)
    expect("all bytes", q["bytes"] == size, q)
    finish(client)
    finish(send)
    settled(service)
    print(f"   {min(counts)} tokens", flush=True)


def many_tokens(service, tokens):
    do("ip", "link", "set", "zc0", "mtu", str(MTU))
    do(*PEER, "ip", "link", "set", "zc1", "mtu", str(MTU))
    do(*PEER, "ethtool", "-K", "zc1", "tso", "off")
    try:
        agree(service, tokens)
    finally:
        do("ip", "link", "set", "zc0", "mtu", "1500")
        do(*PEER, "ip", "link", "set", "zc1", "mtu", "1500")
        do(*PEER, "ethtool", "-K", "zc1", "tso", "on")


def rounds(service, n, *options, look=lambda: None):
    """One client's. look: is called after the last, while the client and its queue are still there."""
    client = begin(service, ROUNDS_PORT, 256 * 1024, f"rounds={n}", "linger", *options)
    send = sender("connect", LOCAL[4], ROUNDS_PORT, 1, 256 * 1024, f"rounds={n}")
    try:
        client.stdin.write("\n" * (n - 1))
        client.stdin.flush()
        said = [client.stdout.readline() for _ in range(2 * n - 1)]  # "ready" before each but the first
        expect("every round by devmem", sum('"backend": 2' in line for line in said) == n, said[-1])
        look()
        client.stdin.write("\n")
        finish(client)
        finish(send)
    finally:
        kill(client, send)
    settled(service)


def held(service):
    """What zcrxd and the kernel hold: (all that has to be the same, KiB of both programs)."""
    with open("/sys/kernel/debug/dma_buf/bufinfo", encoding="ascii", errors="replace") as f:
        dmabufs = [line for line in f if line.startswith("Total")]
    with open("/proc/net/netlink", encoding="ascii") as f:
        sockets = len(f.readlines())
    return {"descriptors": service.descriptors(), "dma-bufs": dmabufs,
            "page pools": len(pools()), "netlink sockets": sockets}, service.resident_kib()


def held_at_rest(service):
    """The same, once a hand that waits for its next job has ended, and what is freed late is freed."""
    seen = [held(service)]

    def at_rest():
        time.sleep(REST_SECONDS)
        seen.append(held(service))
        return seen[-1][0] == seen[-2][0]

    until("what is held does not change", at_rest)
    return seen[-1]


def no_growth(service, n):
    """A client's pump holds the same after many rounds as another's after some, and so does the broker."""
    found = []
    rounds(service, WARM_UP, look=lambda: found.append(held_at_rest(service)))
    until("no dma-buf is left", lambda: "Total 0 objects" in held(service)[0]["dma-bufs"][-1])
    rounds(service, n, look=lambda: found.append(held_at_rest(service)))
    (before, rss_before), (after, rss) = found
    expect(f"as before: {before}", after == before, after)
    expect(f"at most {RSS_KIB} KiB more than {rss_before}", rss <= rss_before + RSS_KIB, rss)
    print(f"   {before}, {rss_before} KiB, then {rss} KiB", flush=True)


def hoarding(service, port):
    """A client that keeps every token it gets, and its sender; the tokens are all out."""
    client = begin(service, port, 64 * MIB, "hoard")
    send = sender("connect", LOCAL[4], port, 1, 64 * MIB)
    seen = [0, -1]

    def still():
        seen.append(outstanding(service))
        return seen[-1] == seen[-2] == seen[-3] > 0

    until("it holds all it can", still)
    return client, send


def killed(service):
    kill(*hoarding(service, PORT + 1))
    settled(service)
    streams_again(service, PORT + 2)


def socket_closed(service):
    """The memory stays the client's until it gives it back, and then the ledger is even."""
    client = begin(service, PORT + 3, 64 * MIB, "drop", "linger")
    send = sender("connect", LOCAL[4], PORT + 3, 1, 64 * MIB)
    try:
        line = client.stdout.readline()
        expect("its streams are closed", line == "dropped\n", line)
        out = outstanding(service)
        expect("its tokens are not taken away", out > 0, queue(service))
        kill(send)
        client.stdin.write("\n")
        client.stdin.flush()
        until("they are all back", lambda: outstanding(service) == 0)
        expect("none is missed", queue(service)["missed"] == 0, queue(service))
        finish(client)
    finally:
        kill(client, send)
    settled(service)
    streams_again(service, PORT + 4)


def queue_closed(service):
    rounds(service, 5, "leave")
    streams_again(service, PORT + 5)


def daemon_killed(service):
    """The kernel unbinds while tokens are out."""
    processes = hoarding(service, PORT + 6)
    service.killed()
    kill(*processes)
    quiet()
    os.unlink(service.socket)
    service.start()
    streams_again(service, PORT + 7)


def main():
    only_in_guest()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", choices=["devmem"])
    parser.add_argument("--tokens", type=int, default=1000000, help="through one flow (%(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="opens and closes (%(default)s)")
    arguments = parser.parse_args()
    tally = Tally()
    with Service() as service:
        tally.run("a client killed with tokens", killed, service)
        tally.run("a socket closed with tokens out", socket_closed, service)
        tally.run("a queue closed with tokens out", queue_closed, service)
        tally.run("zcrxd killed with tokens out", daemon_killed, service)
        tally.run(f"{arguments.rounds} opens and closes", no_growth, service, arguments.rounds)
        tally.run(f"{arguments.tokens} tokens", many_tokens, service, arguments.tokens)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
