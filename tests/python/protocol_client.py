#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client of docs/protocol.md against a daemon, over loopback."""
import contextlib
import errno
import fcntl
import hashlib
import os
import random
import socket
import struct
import sys
import threading
import time
import unittest

import client
import world
from tables import constants, messages, reasons, structs

MIB = 1 << 20
PATIENCE_S = 100  # alone a step takes 100 ms, under the sanitizers 1 s: a machine may be 100 times as slow
F_SEAL_FUTURE_WRITE = 0x10  # linux/fcntl.h; newer than the module fcntl


def skip_reason():
    release = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
    if release < (6, 12):
        return f"Linux {os.uname().release} is older than 6.12"
    with contextlib.suppress(OSError), open("/proc/sys/kernel/io_uring_disabled", encoding="ascii") as f:
        if int(f.read()) == 2:
            return "io_uring is switched off (kernel.io_uring_disabled=2)"
    return None


def tcp_pair():
    """(sender, receiver), connected over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    return sender, receiver


def sending(sock, data):
    """A thread that sends the data and FIN, as far as it gets."""
    def run():
        with contextlib.suppress(OSError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class Received:
    """What came on each flow."""

    def __init__(self):
        self.opened, self.hashes, self.lengths, self.ended = [], {}, {}, {}

    def take(self, queue):
        for what, flow, *rest in queue.reap():
            if what == "open":
                self.opened.append(flow)
            elif what == "data":
                self.hashes.setdefault(flow.id, hashlib.sha256()).update(rest[0])
                self.lengths[flow.id] = self.lengths.get(flow.id, 0) + len(rest[0])
                queue.refill([rest[1]])
            else:
                self.ended[flow.id] = rest[0]

    def until(self, queue, done):
        deadline = time.monotonic() + PATIENCE_S
        self.take(queue)
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"received {self.lengths}, ended {list(self.ended)}; "
                                   f"counters {queue.counters()}")
            queue.wait()
            self.take(queue)

    def length(self, flow):
        return self.lengths.get(flow.id, 0)


class Case(unittest.TestCase):
    def setUp(self):
        self.connection = self.enterContext(client.Connection(DAEMON.socket))
        self.received = Received()

    def sockets(self):
        sender, receiver = tcp_pair()
        self.addCleanup(sender.close)
        self.addCleanup(receiver.close)
        return sender, receiver

    def queue(self, length=4 * MIB, **options):
        return client.Queue(self.connection, client.Area(self.connection, length), **options)

    def refused(self, reason, *args, **fields):
        """The request is refused for that reason, with the errno and a sentence of the document."""
        _, error, text = next(r for r in reasons.values() if r[0] == reason)
        with self.assertRaises(client.Refused) as caught:
            self.connection.request(*args, **fields)
        self.assertEqual((caught.exception.reason, caught.exception.errno), (reason, getattr(errno, error)))
        self.assertTrue(caught.exception.text, text)

    def expect_stream(self, flow, data):
        self.assertEqual(self.received.length(flow), len(data))
        self.assertEqual(self.received.hashes[flow.id].digest(), hashlib.sha256(data).digest())


class Streams(Case):
    def test_receives_a_stream_unchanged(self):
        data = random.Random(1).randbytes(24 * MIB)
        sender, receiver = self.sockets()
        queue = self.queue()
        flow = queue.adopt(receiver)
        self.assertEqual((flow.remote["family"], flow.remote["port"]), (4, sender.getsockname()[1]))
        thread = sending(sender, data)
        self.received.until(queue, lambda: flow.id in self.received.ended)
        thread.join()
        self.expect_stream(flow, data)
        end = self.received.ended[flow.id]
        self.assertEqual((end["error"], reasons[end["reason"]][0], end["bytes"]), (0, "PEER", len(data)))
        self.assertEqual(queue.counters()["bytes"], len(data))
        self.assertEqual(queue.counters()["refills_refused"], 0)
        flow.close()
        queue.close()
        queue.area.delete()

    def test_uses_every_buffer_many_times_in_a_small_area(self):
        data = random.Random(2).randbytes(8 * MIB)
        sender, receiver = self.sockets()
        queue = self.queue(length=8 * self.connection.limits["page_bytes"], cq_entries=8,
                           buffer_bytes=self.connection.limits["page_bytes"])
        flow = queue.adopt(receiver)
        sending(sender, data)
        self.received.until(queue, lambda: flow.id in self.received.ended)
        self.expect_stream(flow, data)

    def test_a_listener_opens_flows_that_answer_and_end(self):
        data = [random.Random(n).randbytes(MIB + n) for n in range(12)]
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        queue = self.queue()
        listening = queue.adopt(listener, listening=True)
        self.assertEqual(listening.local["port"], listener.getsockname()[1])
        self.assertEqual(listening.remote["family"], 0)
        senders = [socket.create_connection(listener.getsockname()) for _ in data]
        for sock, payload in zip(senders, data):
            self.addCleanup(sock.close)
            sending(sock, payload)
        self.received.until(queue, lambda: len(self.received.ended) == len(data))
        by_port = {flow.remote["port"]: flow for flow in self.received.opened}
        for sock, payload in zip(senders, data):
            flow = by_port[sock.getsockname()[1]]
            self.expect_stream(flow, payload)
            flow.sock.sendall(b"thanks")
            self.assertEqual(sock.recv(6, socket.MSG_WAITALL), b"thanks")
            flow.close()
            flow.sock.close()

    def test_a_paused_flow_stands_still_and_goes_on(self):
        data = random.Random(3).randbytes(32 * MIB)
        sender, receiver = self.sockets()
        queue = self.queue()
        flow = queue.adopt(receiver)
        sending(sender, data)
        self.received.until(queue, lambda: self.received.length(flow) > MIB)
        flow.pause(1)
        before, deadline = -1, time.monotonic() + PATIENCE_S
        while self.received.length(flow) != before and time.monotonic() < deadline:
            before = self.received.length(flow)
            time.sleep(0.3)
            self.received.take(queue)
        self.assertEqual(self.received.length(flow), before)
        self.assertLess(before, len(data))
        flow.pause(0)
        self.received.until(queue, lambda: flow.id in self.received.ended)
        self.expect_stream(flow, data)

    def test_data_before_a_reset_is_delivered(self):
        data = random.Random(4).randbytes(100_000)
        sender, receiver = self.sockets()
        queue = self.queue()
        flow = queue.adopt(receiver)
        sender.sendall(data)
        self.received.until(queue, lambda: self.received.length(flow) == len(data))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sender.close()
        self.received.until(queue, lambda: flow.id in self.received.ended)
        self.expect_stream(flow, data)
        self.assertEqual(self.received.ended[flow.id]["error"], -errno.ECONNRESET)

    def test_a_client_that_keeps_buffers_only_starves_itself(self):
        sender, receiver = self.sockets()
        queue = self.queue(length=8 * self.connection.limits["page_bytes"],
                           buffer_bytes=self.connection.limits["page_bytes"])
        flow = queue.adopt(receiver)
        data = random.Random(5).randbytes(MIB)
        sending(sender, data)
        held, deadline = [], time.monotonic() + PATIENCE_S
        while not queue.daemon("starved") and time.monotonic() < deadline:
            held += [(bytes(got), buffer) for _, _, got, buffer in queue.reap()]
            queue.wait(0.05)
        held += [(bytes(got), buffer) for _, _, got, buffer in queue.reap()]
        self.assertEqual(queue.daemon("starved"), 1)
        self.assertEqual(len({buffer for _, buffer in held}), len(held))
        digest = self.received.hashes[flow.id] = hashlib.sha256()
        for got, _ in held:
            digest.update(got)
        self.received.lengths[flow.id] = sum(len(got) for got, _ in held)
        queue.refill([buffer for _, buffer in held])
        self.received.until(queue, lambda: flow.id in self.received.ended)
        self.expect_stream(flow, data)


class Ends(Case):
    def test_closing_a_queue_leaves_the_connections_to_their_owner(self):
        sender, receiver = self.sockets()
        queue = self.queue()
        queue.adopt(receiver)
        queue.close()
        sender.sendall(b"for the owner")
        self.assertEqual(receiver.recv(13, socket.MSG_WAITALL), b"for the owner")

    def adopt_again(self, queue, sock):
        """The daemon lets go of a socket some time after FLOW_CLOSE."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return queue.adopt(sock)
            except client.Refused as refused:
                if refused.reason != "SOCKET_TAKEN" or time.monotonic() > deadline:
                    raise
                queue.reap()

    def test_flows_closed_in_full_flight_take_no_buffer_with_them(self):
        data = random.Random(6).randbytes(MIB)
        sender, receiver = self.sockets()
        queue = self.queue(length=8 * self.connection.limits["page_bytes"],
                           buffer_bytes=self.connection.limits["page_bytes"])
        thread = sending(sender, data)
        ids = set()
        for _ in range(20):
            flow = self.adopt_again(queue, receiver)
            self.assertNotIn(flow.id, ids)
            ids.add(flow.id)
            flow.close()
        flow = self.adopt_again(queue, receiver)
        self.received.until(queue, lambda: flow.id in self.received.ended)
        thread.join()
        counters = queue.counters()
        self.assertEqual((counters["refills_refused"], counters["heads_refused"]), (0, 0))
        queue.close()

    def test_the_refill_ring_has_room_for_every_buffer(self):
        queue = self.queue(rq_entries=1)
        self.assertGreaterEqual(queue.rings["rq_entries"], queue.area.length // queue.given["buffer_bytes"])

    def test_abort_resets_the_connection(self):
        sender, receiver = self.sockets()
        queue = self.queue()
        queue.adopt(receiver).close(abort=True)
        with self.assertRaises(ConnectionResetError):
            sender.settimeout(PATIENCE_S)
            sender.recv(1)

    def test_closing_a_queue_ends_its_flows_and_frees_the_area(self):
        sender, receiver = self.sockets()
        queue = self.queue()
        flow = queue.adopt(receiver)
        self.refused("BUSY", "AREA_DEL", area_id=queue.area.id)
        queue.close()
        self.refused("NO_OBJECT", "FLOW_CLOSE", flow_id=flow.id)
        queue = client.Queue(self.connection, queue.area)
        flow = queue.adopt(receiver)
        sender.sendall(b"again")
        self.received.until(queue, lambda: self.received.length(flow) == 5)

    def test_the_end_of_a_connection_is_seen_on_the_channel(self):
        queue = self.queue()
        self.assertEqual(queue.reap(), [])
        self.connection.sock.close()
        with self.assertRaises(client.Lost):
            self.received.until(queue, lambda: False)


class Refusals(Case):
    def test_unknown_requests_fields_and_states(self):
        self.refused("STATE", "HELLO", version_min=1, version_max=1)
        for number in (40, constants["MSG_BYTES_MAX"]):
            messages["UNKNOWN"] = (number, "msg_ok", "0", "msg_ok", "0", "READY")
            self.refused("UNKNOWN_REQUEST", "UNKNOWN")
        self.refused("UNKNOWN_FIELD", "AREA_DEL", tail=b"\1" + bytes(7), area_id=1)
        self.refused("NO_OBJECT", "AREA_DEL", tail=bytes(64), area_id=1)
        self.refused("NO_OBJECT", "QUEUE_CLOSE", queue_id=77)

    def test_versions_that_do_not_meet(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(DAEMON.socket)
            stranger = client.Connection.__new__(client.Connection)
            stranger.sock, stranger.serial = sock, 0
            self.connection, kept = stranger, self.connection
            self.refused("VERSION", "HELLO", version_min=2, version_max=9)
            self.refused("STATE", "AREA_DEL", area_id=1)
            self.connection = kept

    def test_areas_that_are_not_sealed_right(self):
        page = self.connection.limits["page_bytes"]
        memfd = {"kind": constants["MSG_AREA_MEMFD"], "length": page}
        for seals in (0, fcntl.F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, fcntl.F_SEAL_GROW):
            fd = os.memfd_create("area", os.MFD_ALLOW_SEALING)
            self.addCleanup(os.close, fd)
            os.truncate(fd, page)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
            self.refused("SEALS", "AREA_ADD", [fd], **memfd)
        for length in (0, page - 1, 2 * page):
            with self.assertRaises(client.Refused) as caught:
                client.Area(self.connection, page, length=length)
            self.assertEqual(caught.exception.reason, "AREA_SIZE")
        with open(os.devnull, "r+b") as null:
            self.refused("FD_KIND", "AREA_ADD", [null.fileno()], **memfd)
            self.refused("FD_KIND", "AREA_ADD", [null.fileno()], kind=constants["MSG_AREA_DMABUF"],
                         length=page)

    def test_queues_of_other_backends(self):
        area = client.Area(self.connection, MIB)
        for backend in ("MSG_BACKEND_DEVMEM", "MSG_BACKEND_ZCRX"):
            self.refused("BACKEND", "QUEUE_OPEN", area_id=area.id, backend=constants[backend])
        self.refused("BACKEND", "QUEUE_OPEN", area_id=area.id, flags=constants["MSG_QUEUE_NO_COPY"])
        self.refused("UNKNOWN_FLAG", "QUEUE_OPEN", area_id=area.id, flags=0x8000_0000)
        queue = client.Queue(self.connection, area)
        self.assertEqual(queue.given["backend"], constants["MSG_BACKEND_COPY"])
        self.refused("BUSY", "QUEUE_OPEN", area_id=area.id)

    def test_sockets_that_cannot_be_received(self):
        queue = self.queue()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            self.refused("SOCKET_KIND", "FLOW_ADOPT", [udp.fileno()], queue_id=queue.id)
        with socket.socket() as unconnected:
            self.refused("SOCKET_STATE", "FLOW_ADOPT", [unconnected.fileno()], queue_id=queue.id)
        self.refused("MALFORMED", "FLOW_ADOPT", queue_id=queue.id)
        self.refused("FD_KIND", "FLOW_ADOPT", [sys.stderr.fileno()], queue_id=queue.id)
        self.refused("VALUE", "FLOW_HOST", queue_id=queue.id, flags=constants["MSG_FLOW_LISTEN"],
                     local={"family": 4, "ip": bytes([127, 0, 0, 1])},
                     remote={"family": 4, "port": 9, "ip": bytes([127, 0, 0, 1])})
        self.refused("HOST_DENIED", "FLOW_HOST", queue_id=queue.id,
                     remote={"family": 4, "port": 9, "ip": bytes([127, 0, 0, 1])})

    def test_datagrams_that_are_no_messages(self):
        sock, ok = self.connection.sock, structs["msg_ok"]
        long = constants["MSG_BYTES_MAX"] + 8
        for data, serial in ((ok.pack({"hdr": {"size": 24, "type": 3, "serial": 5}}), 5),
                             (ok.pack({"hdr": {"size": 16, "type": 3, "serial": 5, "nfds": 1}}), 5),
                             (ok.pack({"hdr": {"size": 16, "type": 3, "serial": 5, "error": -1}}), 5),
                             (ok.pack({"hdr": {"size": 16, "type": 3, "serial": 0}}), 0),
                             (b"x" * 15, 0), (bytes(long), 0)):
            sock.send(data)
            answer, _ = client.message_receive(sock)
            refusal = structs["msg_fail"].unpack(answer)
            self.assertEqual((reasons[refusal["reason"]][0], refusal["hdr"]["serial"]),
                             ("MALFORMED", serial))
        self.refused("NO_OBJECT", "AREA_DEL", area_id=1)

    def test_an_empty_datagram_ends_the_connection(self):
        self.connection.sock.send(b"")
        self.assertEqual(client.message_receive(self.connection.sock), (b"", []))


def main():
    global DAEMON
    if reason := skip_reason():
        print(f"skip: {reason}")
        return 77
    DAEMON = world.Daemon()
    try:
        result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(
            unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
        with client.Connection(DAEMON.socket) as connection:
            queue = client.Queue(connection, client.Area(connection, MIB))
            DAEMON.stop()
            queue.channel_read()
            if not queue.lost:
                print("FAIL: the daemon ended and the client was not told")
                return 1
    finally:
        DAEMON.process.kill()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
