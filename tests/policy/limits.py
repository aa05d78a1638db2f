#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A refusal with QUOTA says which limit it is, how much of it is in use, and what raises it."""
import contextlib
import os
import re
import select
import socket
import subprocess
import unittest

import client
import world
from daemon import AS_OTHERS, Daemon
from tables import constants

PAGE = os.sysconf("SC_PAGESIZE")
AREA = 1 << 16
SAID = (r"Your user may have (\d+) ([a-z, ]+), has (\d+) and asked for (\d+) more\. "
        r"([A-Z][a-z, ]+), or have ([a-z =-]+=) of \[class (\w+)\] in zcrxd\.conf raised\.")


class Limits(unittest.TestCase):
    def daemon(self, keys):
        return Daemon(self, f"[class web]\nsocket={{dir}}/web\nmode=0666\n{keys}")

    def refused(self, function, *arguments):
        with self.assertRaises(client.Refused) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.reason, "QUOTA", caught.exception.text)
        return caught.exception.text

    def check(self, text, keys, **numbers):
        """The sentence is about these keys, which zcrxd knows, and these numbers."""
        self.assertRegex(text, rf"\A{SAID}\Z")
        most, _, used, more, _, said, of = re.search(SAID, text).groups()
        self.assertEqual((said, of), (keys, "web"))
        known = subprocess.run([world.ZCRXD, "--check", "-c", "/dev/null"], check=True, capture_output=True,
                               text=True, timeout=world.PATIENCE).stdout
        for key in re.findall(r"[a-z-]+=", keys):
            self.assertRegex(known, rf"(?m)^{key}")
        found = {"most": int(most), "used": int(used), "more": int(more)}
        self.assertEqual(found, {**found, **numbers})

    def host(self, queue, flags, **addresses):
        return queue.connection.request("FLOW_HOST", queue_id=queue.id, flags=flags, **addresses)

    def test_areas(self):
        web = self.daemon("areas=2\n").connect(self, "web")
        areas = [client.Area(web, PAGE) for _ in range(2)]
        self.check(self.refused(client.Area, web, PAGE), "areas=", most=2, used=2, more=1)
        areas[0].delete()
        client.Area(web, PAGE)

    def test_bytes_of_areas_and_of_rings(self):
        web = self.daemon("area-bytes=128K\n").connect(self, "web")
        area = client.Area(web, AREA)
        self.check(self.refused(client.Area, web, 2 * AREA), "area-bytes=", most=2 * AREA, used=AREA, more=2 * AREA)
        client.Area(web, AREA)
        self.check(self.refused(client.Queue, web, area), "area-bytes=", most=2 * AREA, used=2 * AREA)

    def test_files_that_are_open(self):
        web = self.daemon("areas=1\nqueues=0\n").connect(self, "web")
        kept = []
        for _ in range(2):
            kept.append(client.Area(web, PAGE))
            kept[-1].delete()
        self.check(self.refused(client.Area, web, PAGE), "areas= or queues=", most=2, used=2, more=1)

    def test_queues(self):
        web = self.daemon("queues=1\n").connect(self, "web")
        areas = [client.Area(web, AREA) for _ in range(2)]
        queue = client.Queue(web, areas[0])
        self.check(self.refused(client.Queue, web, areas[1]), "queues=", most=1, used=1, more=1)
        queue.close()

    def test_flows_and_listeners(self):
        web = self.daemon("flows=3\nlisteners=1\nhost-flows=yes\n").connect(self, "web")
        queue = client.Queue(web, client.Area(web, AREA))
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for s in servers:
            self.addCleanup(s.close)
        queue.adopt(servers[0], True)
        self.check(self.refused(queue.adopt, servers[1], True), "listeners=", most=1, used=1, more=1)
        loopback = {"family": 4, "port": 0, "ip": bytes([127, 0, 0, 1]) + bytes(12)}
        self.check(self.refused(lambda: self.host(queue, constants["MSG_FLOW_LISTEN"], local=loopback)),
                   "listeners=", most=1, used=1, more=1)
        loopback["port"] = servers[1].getsockname()[1]
        _, fds = self.host(queue, 0, remote=loopback)
        self.addCleanup(os.close, fds[0])
        more = socket.create_connection(servers[1].getsockname())
        self.addCleanup(more.close)
        self.check(self.refused(queue.adopt, more), "flows=", most=3, used=3, more=1)
        self.check(self.refused(lambda: self.host(queue, 0, remote=loopback)), "flows=", most=3, used=3, more=1)

    def test_sessions(self):
        daemon = self.daemon("sessions=1\n")
        daemon.connect(self, "web")
        self.check(self.refused(daemon.connect, self, "web"), "sessions=", most=1, used=1, more=1)
        self.assertIn("was refused: Your user may have 1 connection, has 1 and", daemon.said())

    def test_connections(self):
        daemon = self.daemon("connections-per-second=1\n")
        answered = []
        while not answered:
            with contextlib.ExitStack() as stack:  # each says nothing
                several = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) for _ in range(3)]
                for s in several:
                    s.connect(daemon.path("web"))
                answered = [s.recv(4096) for s in select.select(several, [], [], 1)[0]]
        self.assertEqual(answered[0][24:].rstrip(b"\0").decode(), "Your user or its class connected as often as it may in a second (1 each user): connect "
                               "again in a second, or have connections-per-second= of [class web] in zcrxd.conf raised.")

    @AS_OTHERS
    def test_users(self):
        daemon = self.daemon("most-users=1\n")
        daemon.connect(self, "web")
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(61000)
            os.setuid(61000)
            try:
                client.Connection(daemon.path("web"))
            except client.Refused as e:
                os.write(write, f"{e.reason}: {e.text}".encode())
            os._exit(0)
        os.close(write)
        with open(read, encoding="utf-8") as f:
            self.assertEqual(f.read(), "QUOTA: [class web] is full: as many users have something of it as may (most-users=1). "
                                       "Connect again when one of them has let go, or have most-users= in zcrxd.conf raised.")
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


world.main()
