#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the status costs when there is much to tell, and many want to know."""
import contextlib
import json
import os
import resource
import socket
import time
import unittest

import client
import world
from daemon import AS_OTHERS, Daemon
from tables import constants

FLOWS = 3000
READERS_OF_USER = 4
USERS = range(61000, 61016)
SANITIZED = os.environ.get("ZCRX_SANITIZE")


def cpu_ns(pid, thread=None):
    """Processor time of a process, or of one thread: what others do does not count."""
    threads = [thread] if thread else os.listdir(f"/proc/{pid}/task")
    total = 0
    for t in threads:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{t}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


class Status(unittest.TestCase):
    """One daemon with many flows for all tests; reading changes nothing."""

    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4 * FLOWS:
            raise unittest.SkipTest(f"needs {4 * FLOWS} file descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        whole = unittest.TestCase()  # as long as the class
        cls.addClassCleanup(whole.doCleanups)
        cls.daemon = Daemon(whole, f"[class default]\nflows={2 * FLOWS}\nrequests-per-second=1000000\n")
        os.chmod(cls.daemon.status, 0o666)
        cls.pid = cls.daemon.process.pid
        cls.connection = client.Connection(cls.daemon.socket)
        cls.addClassCleanup(cls.connection.sock.close)
        cls.queue = client.Queue(cls.connection, client.Area(cls.connection, 8 << 20),
                                 backend=constants["MSG_BACKEND_COPY"])
        with socket.create_server(("127.0.0.1", 0)) as server:
            cls.ends = [cls.adopt(server) for _ in range(FLOWS)]

    @classmethod
    def adopt(cls, server):
        with socket.create_connection(server.getsockname()) as ours:
            theirs, _ = server.accept()
            cls.addClassCleanup(theirs.close)
            cls.connection.request("FLOW_ADOPT", [ours.fileno()], queue_id=cls.queue.id)

    def rss(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def reader(self):
        """Has connected, and reads nothing."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(world.PATIENCE)
        s.connect(self.daemon.status)
        return s

    def as_user(self, uid, function):
        """Starts it as another user, until the test is over."""
        ready, say_ready = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            held = function()
            say_ready.send(b"r")
            say_ready.recv(1)
            os._exit(len(held) == 0)
        for function, argument in ((os.waitpid, (pid, 0)), (os.kill, (pid, 9)), (ready.close, ()),
                                   (say_ready.close, ())):
            self.addCleanup(function, *argument)
        ready.settimeout(world.PATIENCE)
        self.assertEqual(ready.recv(1), b"r")

    def test_the_document_is_as_new_as_the_connection(self):
        for i in range(3):
            area = client.Area(self.connection, (i + 1) << 16)
            self.assertEqual(self.daemon.used("default")["areas"], 2)
            area.delete()
            self.assertEqual(self.daemon.used("default")["areas"], 1)

    def test_all_flows_are_told(self):
        document = self.daemon.document()
        flows = document["clients"][0]["queues"][0]["flows"]
        self.assertEqual(len(flows), FLOWS)
        self.assertEqual(len({f["remote"] for f in flows}), 1)
        self.assertEqual(len({f["local"] for f in flows}), FLOWS)
        self.assertEqual(len({f["id"] for f in flows}), FLOWS)

    @AS_OTHERS
    def test_many_readers_cost_the_control_thread_and_memory_little(self):
        self.daemon.document()
        before = cpu_ns(self.pid, self.pid)
        began = time.clock_gettime(time.CLOCK_MONOTONIC)
        size = len(json.dumps(self.daemon.document(), indent=2))
        one_s = time.clock_gettime(time.CLOCK_MONOTONIC) - began
        rss = self.rss()
        control = cpu_ns(self.pid, self.pid)
        for uid in USERS:
            self.as_user(uid, lambda: [self.reader() for _ in range(READERS_OF_USER)])
        self.daemon.document()  # root is not kept out; all the others have theirs by now or wait
        all_readers = cpu_ns(self.pid, self.pid) - control
        grown = self.rss() - rss
        print(f"one document: {size >> 10} KiB, {1000 * one_s:.0f} ms, {(control - before) // 1000} us of the "
              f"control thread; {len(USERS) * READERS_OF_USER} readers: {all_readers // 1000} us, {grown >> 10} KiB")
        # Each at the price of copying some numbers, not of making text of them: that is 10 ms and more.
        self.assertLess(all_readers, 64 * 10e6 * (10 if SANITIZED else 1) / 4)
        if not SANITIZED:
            self.assertLess(grown, 24 * size)

    @AS_OTHERS
    def test_readers_that_come_one_by_one_hold_some_documents_only(self):
        """Each has a document of its own; the first ones are hung up on for the last one's."""
        def read_all(s):
            return b"".join(iter(lambda: s.recv(1 << 20), b""))

        first = self.reader()
        first.recv(1)
        rss = self.rss()

        def four():
            held = []
            for _ in range(READERS_OF_USER):
                held.append(self.reader())
                held[-1].recv(1)
            return held

        for uid in USERS[:5]:
            self.as_user(uid, four)
        last = self.reader()
        json.loads(read_all(last))
        grown = self.rss() - rss
        with self.assertRaises(ValueError):
            json.loads(b"{" + read_all(first))
        for s in (first, last):
            s.close()
        if not SANITIZED:
            self.assertLess(grown, 20 << 20)


world.main()
