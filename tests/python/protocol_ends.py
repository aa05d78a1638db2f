#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How queues, listeners and streams end: what lay in the ring before counts, and nothing is wrong.

The client of docs/protocol.md against a daemon of its own for each test, over loopback.
"""
import contextlib
import errno
import os
import random
import select
import socket
import struct
import sys
import threading
import time
import unittest

import client
import world
from protocol_client import MIB, sending, skip_reason, tcp_pair
from tables import constants, reasons

PATIENCE_S = 100  # alone a step takes 100 ms, under the sanitizers 1 s: a machine may be 100 times as slow
PAGE = os.sysconf("SC_PAGE_SIZE")
STORM, STORM_AT_ONCE = 1500, 32
DATA = random.Random(7).randbytes(16 * MIB)


def until(what, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not (said := what()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return said


class Case(unittest.TestCase):
    def setUp(self):
        self.daemon = world.Daemon()
        self.addCleanup(self.end)
        self.connection = self.enterContext(client.Connection(self.daemon.socket))

    def end(self):
        if self.daemon.process.poll() is None:
            self.daemon.stop()

    def queue(self, length=MIB, **options):
        return client.Queue(self.connection, client.Area(self.connection, length), **options)

    def pair(self):
        sender, receiver = tcp_pair()
        self.addCleanup(sender.close)
        self.addCleanup(receiver.close)
        return sender, receiver

    def taken(self, queue):
        """All that the ring gives now, until the queue is lost: (bytes, ends, lost)."""
        got, ends = b"", []
        with contextlib.suppress(client.Lost):
            while True:
                for what, _, *rest in queue.reap():
                    if what == "data":
                        got += bytes(rest[0])
                        queue.refill([rest[1]])
                    elif what == "end":
                        ends.append(rest[0])
                queue.wait()
        return got, ends


class Rings(Case):
    """A ring that the client does not read while data keeps coming."""

    def full(self, **options):
        """(queue, flow, receiver, what was read of it before): the ring holds what it can."""
        sender, receiver = self.pair()
        queue = self.queue(cq_entries=64, buffer_bytes=PAGE, **options)
        flow = queue.adopt(receiver)
        sending(sender, DATA)
        before = b""
        while len(before) < MIB // 2:
            for what, _, *rest in queue.reap():
                before += bytes(rest[0]) if what == "data" else b""
                queue.refill([rest[1]])
            queue.wait()
        until(lambda: queue.tail() - queue.head == queue.rings["cq_entries"])
        time.sleep(0.1)
        return queue, flow, receiver, before

    def ring(self, queue):
        """The tail and the entries."""
        at = queue.rings["cq_cqes"]
        return queue.tail(), bytes(queue.cq[at:at + queue.rings["cq_entries"] * queue.rings["cqe_bytes"]])

    def expect_prefix(self, got, least):
        self.assertGreaterEqual(len(got), least)
        self.assertEqual(got, DATA[:len(got)])

    def expect_reset_or_next(self, receiver, got):
        """Nobody who reads on from the socket misses anything: it goes on just there, or is reset."""
        receiver.settimeout(PATIENCE_S)
        try:
            more = receiver.recv(PAGE, socket.MSG_WAITALL)
        except ConnectionResetError:
            return "reset"
        except OSError as e:
            self.assertEqual(e.errno, errno.ENOTCONN)
            return "reset"
        self.assertEqual(more, DATA[len(got):len(got) + PAGE])
        return "next"

    def test_what_lay_in_a_full_ring_stays_right_when_the_daemon_ends(self):
        queue, _, receiver, before = self.full()
        self.daemon.stop()
        got, _ = self.taken(queue)
        self.expect_prefix(before + got, MIB // 2 + 63 * PAGE // 2)
        self.expect_reset_or_next(receiver, before + got)

    def test_what_lay_in_a_full_ring_stays_right_when_the_queue_is_closed(self):
        queue, _, receiver, before = self.full()
        self.connection.request("QUEUE_CLOSE", queue_id=queue.id)
        tail = queue.tail()
        self.assertEqual(tail - queue.head, queue.rings["cq_entries"])
        memory, ring = bytes(queue.area.data), self.ring(queue)
        time.sleep(0.5)
        self.assertEqual(bytes(queue.area.data), memory)
        self.assertEqual(self.ring(queue), ring)
        got, _ = self.taken(queue)
        self.expect_prefix(before + got, MIB // 2 + 63 * PAGE // 2)
        self.expect_reset_or_next(receiver, before + got)

    def test_a_stream_that_misses_nothing_outlives_a_full_ring(self):
        queue, _, receiver, before = self.full()
        idle = [self.pair() for _ in range(3)]
        for sender, other in idle:
            other.setblocking(True)
            sender.sendall(b"some")
            self.assertEqual(other.recv(4, socket.MSG_WAITALL), b"some")  # by somebody else, before
            queue.adopt(other)
        idle[0][0].shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        self.connection.request("QUEUE_CLOSE", queue_id=queue.id)
        got, _ = self.taken(queue)
        self.expect_prefix(before + got, MIB // 2)
        self.expect_reset_or_next(receiver, before + got)
        for sender, other in idle[1:]:
            sender.sendall(b"more")
            self.assertEqual(other.recv(4, socket.MSG_WAITALL), b"more")
        idle[0][1].sendall(b"back")
        self.assertEqual(idle[0][0].recv(4, socket.MSG_WAITALL), b"back")

    def test_a_stream_goes_on_at_its_socket_where_the_ring_ended(self):
        for how in ("closed", "lost"):
            sender, receiver = self.pair()
            queue = self.queue(4 * MIB, cq_entries=4096, buffer_bytes=PAGE)
            queue.adopt(receiver)
            sending(sender, DATA)
            until(queue.tail)
            if how == "closed":
                self.connection.request("QUEUE_CLOSE", queue_id=queue.id)
            else:
                self.daemon.stop()
            got, _ = self.taken(queue)
            self.expect_prefix(got, 1)
            self.assertEqual(self.expect_reset_or_next(receiver, got), "next")

    def test_ends_that_came_before_the_loss_come_before_it(self):
        queue = self.queue()
        sender, receiver = self.pair()
        flow = queue.adopt(receiver)
        sender.sendall(DATA[:100_000])
        sender.shutdown(socket.SHUT_WR)
        until(lambda: queue.daemon("events"))
        self.daemon.stop()
        got, ends = self.taken(queue)
        self.assertEqual(got, DATA[:100_000])
        self.assertEqual([(e["flow_id"], e["error"], e["bytes"]) for e in ends], [(flow.id, 0, 100_000)])

    def test_nothing_is_written_after_the_reply_while_data_keeps_coming(self):
        queue = self.queue(4 * MIB, cq_entries=256)
        for _ in range(8):
            sender, receiver = self.pair()
            queue.adopt(receiver)
            sending(sender, DATA)
        for _ in range(50):
            for what, _, *rest in queue.reap():
                if what == "data":
                    queue.refill([rest[1]])
            queue.wait()
        self.connection.request("QUEUE_CLOSE", queue_id=queue.id)
        memory, ring = bytes(queue.area.data), self.ring(queue)
        time.sleep(0.5)
        self.assertEqual(bytes(queue.area.data), memory)
        self.assertEqual(self.ring(queue), ring)
        queue.area.delete()

    def test_a_queue_of_many_flows_closes_at_once(self):
        queue = self.queue(cq_entries=64)
        pairs = [self.pair() for _ in range(900)]
        for _, receiver in pairs:
            queue.adopt(receiver)
        for sender, _ in pairs:
            sender.send(b"x")
        began = time.monotonic()
        self.connection.request("QUEUE_CLOSE", queue_id=queue.id)
        self.assertLess(time.monotonic() - began, 5)  # of milliseconds: a machine 200 times slower


class Listeners(Case):
    def storm(self, address, count, results):
        """Connects, says something and FIN, and wants FIN, not a reset."""
        for begin in range(0, count, STORM_AT_ONCE):
            socks = []
            for _ in range(min(STORM_AT_ONCE, count - begin)):
                sock = socket.create_connection(address, timeout=PATIENCE_S)
                sock.sendall(b"hello")
                sock.shutdown(socket.SHUT_WR)
                socks.append(sock)
            for sock in socks:
                try:
                    results.append(sock.recv(1))
                except OSError as e:
                    results.append(e)
                sock.close()

    def listeners(self):
        """Two on one port: the second one takes what comes while the first is not received."""
        first = socket.create_server(("127.0.0.1", 0), reuse_port=True, backlog=1024)
        second = socket.create_server(first.getsockname(), reuse_port=True, backlog=1024)
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        return first, second

    def serve(self, listener, stop):
        listener.settimeout(0.1)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(PATIENCE_S)
                    while sock.recv(100):
                        pass

    def drain(self, queue):
        for what, flow, *rest in queue.reap():
            if what == "data":
                queue.refill([rest[1]])
            elif what == "end":
                flow.close()
                flow.sock.close()

    def test_a_listener_that_is_closed_and_adopted_again_resets_nobody(self):
        first, second = self.listeners()
        queue = self.queue(4 * MIB, cq_entries=4096)
        results, stop = [], threading.Event()
        threads = [threading.Thread(target=self.storm, args=(first.getsockname(), STORM, results)),
                   threading.Thread(target=self.serve, args=(second, stop))]
        for thread in threads:
            thread.start()
        listening, rounds = None, 0
        while threads[0].is_alive() or listening:
            if listening is None and threads[0].is_alive():
                with contextlib.suppress(client.Refused):
                    listening, rounds = queue.adopt(first, listening=True), rounds + 1
            until_ns = time.monotonic_ns() + 5_000_000
            while time.monotonic_ns() < until_ns:
                self.drain(queue)
                queue.wait(0.002)
            if listening and (threads[0].is_alive() or not rounds % 2):
                listening.close()
                listening = None
            elif listening:
                rounds += 1
        # What still waits in the first one's backlog is its owner's.
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(rounds, 10)
        self.assertEqual([r for r in results if r != b""], [])

    def test_the_reply_comes_after_what_was_accepted(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        queue = self.queue()
        listening = queue.adopt(listener, listening=True)
        senders = [socket.create_connection(listener.getsockname()) for _ in range(30)]
        for sender in senders:
            self.addCleanup(sender.close)
        unread = constants["MSG_FDS_MAX"] * 2  # 8, of section 13
        until(lambda: queue.daemon("events") == unread)
        time.sleep(0.1)
        self.connection.request("FLOW_CLOSE", flow_id=listening.id)  # and nothing is read meanwhile
        queue.channel_read()
        opened = len(queue.opened)
        self.assertEqual(opened, unread + 1)  # and the one that had to wait
        listener.settimeout(PATIENCE_S)
        for _ in range(len(senders) - opened):  # the backlog is its owner's
            listener.accept()[0].close()
        for flow in queue.opened:
            flow.sock.sendall(b"!")
        said = sum(select.select([s], [], [], 1)[0] != [] and s.recv(1) == b"!" for s in senders)
        self.assertEqual(said, opened)

    def test_who_reads_no_events_waits_a_second_and_then_loses_those(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        queue = self.queue()
        listening = queue.adopt(listener, listening=True)
        for _ in range(200):  # more ends than the channel has room for
            sender, receiver = self.pair()
            queue.adopt(receiver)
            sender.shutdown(socket.SHUT_WR)
        until(lambda: self.still(lambda: queue.daemon("events")))
        refused = socket.create_connection(listener.getsockname())
        self.addCleanup(refused.close)
        time.sleep(0.1)
        began = time.monotonic()
        self.connection.request("FLOW_CLOSE", flow_id=listening.id)
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assertLess(time.monotonic() - began, 20)
        with self.assertRaises(ConnectionResetError):
            refused.settimeout(PATIENCE_S)
            refused.recv(1)
        queue.channel_read()
        self.assertEqual(queue.opened, [])

    def still(self, what):
        """It is something, and stays it for a while."""
        before = what()
        time.sleep(0.2)
        return before and what() == before


class Words(Case):
    """Who ended a stream, and how it is told."""

    def ended(self, queue):
        _, ends = self.until_end(queue)
        return ends["error"], reasons[ends["reason"]][0]

    def until_end(self, queue):
        got = b""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for what, _, *rest in queue.reap():
                if what == "data":
                    got += bytes(rest[0])
                    queue.refill([rest[1]])
                elif what == "end":
                    return got, rest[0]
            queue.wait()
        raise TimeoutError

    def test_ones_own_shutdown_is_not_the_peers_end(self):
        _, receiver = self.pair()
        queue = self.queue()
        queue.adopt(receiver)
        receiver.shutdown(socket.SHUT_RD)
        self.assertEqual(self.ended(queue), (-errno.ESHUTDOWN, "LOCAL"))

    def test_the_peers_fin_and_reset_are_its_own(self):
        queue = self.queue()
        sender, receiver = self.pair()
        queue.adopt(receiver)
        sender.shutdown(socket.SHUT_WR)
        self.assertEqual(self.ended(queue), (0, "PEER"))
        sender, receiver = self.pair()
        queue.adopt(receiver)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sender.close()
        self.assertEqual(self.ended(queue), (-errno.ECONNRESET, "PEER"))

    def test_what_was_killed_here_is_not_the_peers_end(self):
        _, receiver = self.pair()
        queue = self.queue()
        queue.adopt(receiver)
        # SOCK_DESTROY needs CAP_NET_ADMIN and a kernel with INET_DIAG_DESTROY.
        if not socket_destroy(receiver):
            self.skipTest("no SOCK_DESTROY here")
        self.assertEqual(self.ended(queue), (-errno.ECONNABORTED, "LOCAL"))

    def test_urgent_data_is_left_out(self):
        sender, receiver = self.pair()
        queue = self.queue()
        queue.adopt(receiver)
        sender.sendall(b"before")
        time.sleep(0.05)
        sender.send(b"?", socket.MSG_OOB)
        time.sleep(0.05)
        sender.sendall(b"after")
        sender.shutdown(socket.SHUT_WR)
        got, end = self.until_end(queue)
        self.assertEqual((got, end["error"]), (b"beforeafter", 0))

    def test_abort_after_the_end_resets_nothing(self):
        sender, receiver = self.pair()
        queue = self.queue()
        flow = queue.adopt(receiver)
        sender.shutdown(socket.SHUT_WR)
        self.assertEqual(self.ended(queue), (0, "PEER"))
        flow.close(abort=True)
        receiver.sendall(b"still there")
        sender.settimeout(PATIENCE_S)
        self.assertEqual(sender.recv(11, socket.MSG_WAITALL), b"still there")


def socket_destroy(sock):
    """What `ss -K` does. False: not permitted, or the kernel cannot."""
    (local, lport), (remote, rport) = sock.getsockname(), sock.getpeername()
    sockid = (struct.pack("!HH", lport, rport) + socket.inet_aton(local) + bytes(12)
              + socket.inet_aton(remote) + bytes(12) + struct.pack("=III", 0, 0xffffffff, 0xffffffff))
    body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xffffffff) + sockid
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:  # NETLINK_SOCK_DIAG
        netlink.settimeout(PATIENCE_S)
        netlink.send(struct.pack("=IHHII", 16 + len(body), 21, 5, 1, 0) + body)  # SOCK_DESTROY, ACK
        answer = netlink.recv(4096)
        return struct.unpack_from("=i", answer, 16)[0] == 0


def main():
    if reason := skip_reason():
        print(f"skip: {reason}")
        return 77
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    for case, reason in result.skipped:
        print(f"skip: {reason}\n[  SKIPPED ] {case.id().split('.')[-1]}")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
