#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the status says of a client's pump is what the kernel says of that process."""
import os
import re
import resource
import select
import signal
import socket
import types
import unittest

import client
import world
from daemon import Daemon
from tables import constants, messages, structs

TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def has_ended(pid):
    """Its parent may not have waited for it yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Pumps(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(self)
        self.connection = self.daemon.connect(self)

    def told(self):
        found, = self.daemon.document()["clients"]
        return found

    def cpu_ms(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_MS

    def receive(self, size):
        """By copy, into an area of 4 MiB, which the pump maps."""
        queue = client.Queue(self.connection, client.Area(self.connection, 4 * MIB),
                             backend=constants["MSG_BACKEND_COPY"])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
        queue.adopt(ours)
        left = 0
        while size or left:
            sent = peer.send(bytes(min(size, MIB))) if size else 0
            size, left = size - sent, left + sent
            queue.wait(0.01)
            found = [event for event in queue.reap() if event[0] == "data"]
            left -= sum(len(data) for _, _, data, _ in found)
            queue.refill([buffer for _, _, _, buffer in found])
        for end in peer, ours:
            end.close()
        queue.close()

    def test_processor_time(self):
        pid = self.told()["pump"]
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            self.assertEqual(f.read(), "zcrx-pump\n")
        while self.cpu_ms(pid) < 10 * TICK_MS:
            self.receive(16 * MIB)
        before = self.cpu_ms(pid)
        said = self.told()["cpu_ms"]
        self.assertTrue(before <= said <= self.cpu_ms(pid), (before, said))

    def test_memory_is_the_pumps_alone(self):
        self.receive(8 * MIB)
        told = self.told()
        with open(f"/proc/{told['pump']}/smaps_rollup", encoding="ascii") as f:
            anonymous = int(re.search(r"Anonymous: +(\d+) kB", f.read())[1]) << 10
        self.assertGreater(told["memory_bytes"], 0)
        if not os.environ.get("ZCRX_SANITIZE"):  # sanitizers have memory of their own
            self.assertLess(told["memory_bytes"], 4 * MIB)
            self.assertAlmostEqual(told["memory_bytes"], anonymous, delta=MIB // 4)

    def limits(self, pid):
        return [resource.prlimit(pid, which)[0] for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)]

    def test_what_the_kernel_lets_it_have_follows_from_its_class(self):
        pid = self.told()["pump"]
        before = self.limits(pid)
        self.assertLess(before[0], self.limits(self.daemon.process.pid)[0])
        self.assertEqual(resource.prlimit(pid, resource.RLIMIT_CORE), (0, 0))
        self.daemon.reload("[class default]\nflows=1034\nqueues=17\nareas=65\narea-bytes=257M\n")
        now = self.limits(pid)
        self.assertEqual(now[0] - before[0], 2 * 10 + 32 + 4)
        if not os.environ.get("ZCRX_SANITIZE"):
            self.assertEqual(now[1] - before[1], 4 * MIB + 16 * MIB + 10 * 4096)
        self.daemon.kill_broker()
        world.eventually(lambda: self.told()["restarts"] == 1)
        self.assertEqual(self.limits(pid), now)
        self.daemon.reload("")
        self.assertEqual(self.limits(pid), before)

    def test_all_that_its_class_admits_fits(self):
        """Also if one memfd is several areas."""
        self.daemon.reload("[class default]\nqueues=8\nareas=8\narea-bytes=2G\nflows=16\n")
        memfds = [client.memfd(1 << 30)] * 4 + [client.memfd(100 * MIB) for _ in range(4)]
        for memfd in memfds:
            added, _ = self.connection.request("AREA_ADD", [memfd], length=os.fstat(memfd).st_size,
                                               kind=constants["MSG_AREA_MEMFD"])
            area = types.SimpleNamespace(id=added["area_id"])
            client.Queue(self.connection, area, backend=constants["MSG_BACKEND_COPY"])
        for memfd in set(memfds):
            os.close(memfd)

    def test_restarts(self):
        before = self.told()
        self.assertEqual(before["restarts"], 0)
        for n in 1, 2, 3:
            self.daemon.kill_broker()
            told = world.eventually(lambda at=n: [c for c in self.daemon.document()["clients"]
                                                  if c["restarts"] == at])[0]
            self.assertEqual(told["pump"], before["pump"])
            self.assertGreaterEqual(told["cpu_ms"], before["cpu_ms"])
        with client.Connection(self.daemon.socket):
            self.assertEqual([c["restarts"] for c in self.daemon.document()["clients"]], [3, 0])

    def test_it_ends_with_zcrxd_whether_or_not_its_client_reads(self):
        """zcrxd would kill it after a while, and is stopped before."""
        area, pid, ours = client.Area(self.connection, MIB), self.told()["pump"], self.connection.sock
        # The reply has descriptors, and stays unread.
        request = structs["msg_queue_open"].pack({
            "hdr": {"size": structs["msg_queue_open"].size, "type": messages["QUEUE_OPEN"][0], "serial": 1000},
            "area_id": area.id, "backend": constants["MSG_BACKEND_COPY"]})
        ours.send(request)
        self.assertTrue(ours.recv(1, socket.MSG_PEEK))
        self.daemon.process.terminate()
        hung_up = select.poll()
        hung_up.register(ours, 0)
        self.assertEqual(hung_up.poll(world.PATIENCE * 1000), [(ours.fileno(), select.POLLHUP)])
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            world.eventually(lambda: has_ended(pid))
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.daemon.process.wait(world.PATIENCE), 0, self.daemon.said())

    def test_the_log_says_how_many_clients_lose_their_queues(self):
        for n, words in ((0, "told to end\n"), (1, "told to end; 1 client loses its queues\n"),
                         (2, "told to end; 2 clients lose their queues\n")):
            with self.subTest(n=n):
                daemon = Daemon(self)
                clients = [daemon.connect(self) for _ in range(n)]
                for c in clients:
                    client.Area(c, os.sysconf("SC_PAGESIZE"))
                daemon.process.terminate()
                daemon.process.wait(world.PATIENCE)
                self.assertIn(words, daemon.said())

    def test_the_log_says_how_many_clients_outlive_a_zcrxd(self):
        self.daemon.kill_broker()
        self.assertIn("zcrxd: 1 client of the zcrxd that ran before goes on\n", self.daemon.said())
        self.daemon.connect(self)
        self.daemon.kill_broker()
        self.assertIn("zcrxd: 2 clients of the zcrxd that ran before go on\n", self.daemon.said())


world.main()
