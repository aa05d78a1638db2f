#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sockets that systemd passes to the real daemon: what waits in them, and whose they are.

One client's connections that were made before the daemon ran, with sockets in them whose close takes
an hour, keep no other client out; on kernels that can keep descriptors out (6.16) that is bounded.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import unittest

import client
import world

SO_PASSRIGHTS = 83
FIRST = 3  # of the descriptors passed
WAITING = 200  # more than are turned away at once
KINDS = {"clients": socket.SOCK_SEQPACKET, "status": socket.SOCK_STREAM}


def descriptors_can_be_kept_out():
    with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
        s.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        return True
    return False


def lingerer():
    """A socket whose close waits for an hour, and its peer, which reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mine = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    mine.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            mine.send(bytes(1 << 16))
    return mine, peer


class Passed(world.Case):
    def setUp(self):
        super().setUp()
        self.listeners = {}

    def listen(self, name, backlog=4096):
        s = socket.socket(socket.AF_UNIX, KINDS.get(name, socket.SOCK_SEQPACKET))
        self.addCleanup(s.close)
        s.bind(self.path(name))
        s.listen(backlog)
        self.listeners[name] = s

    def start_daemon(self, classes):
        """Passes what listens, as systemd does."""
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(f"[sockets]\nstate={self.dir}\n" + classes)
        fds = [s.fileno() for s in self.listeners.values()]
        program = ("import fcntl, os, sys\n"
                   f"high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in {fds}]\n"
                   f"for i, fd in enumerate(high): os.dup2(fd, {FIRST} + i)\n"
                   "os.environ['LISTEN_PID'] = str(os.getpid())\n"
                   "os.execv(sys.argv[1], sys.argv[1:])")
        environment = {**os.environ, "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(self.listeners)}
        with open(self.path("log"), "wb") as log:
            daemon = subprocess.Popen([sys.executable, "-c", program, world.ZCRXD, "-c", self.path("conf")],
                                      pass_fds=fds, env=environment, stderr=log)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        return daemon

    def said(self):
        with open(self.path("log"), encoding="utf-8") as f:
            return f.read()

    def connect(self, name="clients"):
        """A client that is answered, in time."""
        def attempt():
            with contextlib.suppress(BlockingIOError):  # the backlog is full
                return client.Connection(self.path(name))
            return None
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(world.PATIENCE)
        try:
            return world.eventually(attempt)
        finally:
            socket.setdefaulttimeout(before)

    def status(self):
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(BlockingIOError):
            s.settimeout(world.PATIENCE)
            s.connect(self.path("status"))
            return s.recv(4096)
        return b""

    def test_a_class_may_go_before_its_socket_does(self):
        for name in "clients", "status", "web":
            self.listen(name)
        daemon = self.start_daemon("")
        with self.connect():
            pass
        with self.assertRaises(client.Refused) as caught:
            self.connect("web")
        self.assertEqual(caught.exception.reason, "DENIED")
        self.assertIn("zcrxd.conf has no such class", self.said())
        daemon.terminate()
        self.assertEqual(daemon.wait(world.PATIENCE), 0)

    def test_the_unit_and_the_file_name_one_path(self):
        for name in "clients", "status", "web":
            self.listen(name)
        self.start_daemon(f"[class web]\nsocket={self.dir}/elsewhere\n")
        with self.connect("web"):
            pass
        self.assertIn("let both say the same", self.said())
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_an_upgrade_in_place_keeps_them(self):
        for name in "clients", "status", "web":
            self.listen(name)
        daemon = self.start_daemon(f"clients={self.dir}/clients\n[class web]\nsocket={self.dir}/web\n")
        with self.connect() as first, self.connect("web"):
            for n in 1, 2:
                daemon.send_signal(signal.SIGUSR2)
                world.eventually(lambda done=n: f'"done":{done},'.encode() in self.status())
                client.Area(first, 1 << 16)
                with self.connect(), self.connect("web"):
                    pass
            world.eventually(lambda: self.status().count(b'"class":"web"') == 1)
        daemon.terminate()
        self.assertEqual(daemon.wait(world.PATIENCE), 0)
        for name in self.listeners:  # they are systemd's to remove
            self.assertTrue(os.path.exists(self.path(name)))

    @unittest.skipIf(os.path.exists("/run/zcrxd"), "a zcrxd is installed here")
    def test_without_notes_there_is_no_upgrade(self):
        """They lie beside the path that zcrxd.conf says, whatever the sockets are."""
        for name in "clients", "status":
            self.listen(name)
        daemon = self.start_daemon("")
        with self.connect() as first:
            daemon.send_signal(signal.SIGUSR2)
            world.eventually(lambda: b'"failed":1,' in self.status())
            self.assertIn("the note of a client could not be written", self.said())
            client.Area(first, 1 << 16)

    @unittest.skipUnless(descriptors_can_be_kept_out(), "this kernel cannot keep descriptors out (Linux 6.16)")
    def test_what_came_before_the_daemon_keeps_nobody_out(self):
        for name in "clients", "status", "flood":
            self.listen(name)
        kept, peers = [], []
        for name in ("flood", "status") * WAITING:
            s = socket.socket(socket.AF_UNIX, KINDS.get(name, socket.SOCK_SEQPACKET))
            kept.append(s)
            s.connect(self.path(name))
            mine, peer = lingerer()
            peers.append(peer)
            socket.send_fds(s, [b"x" * 64], [mine.fileno()])
            mine.close()
        daemon = self.start_daemon(f"[class flood]\nsocket={self.dir}/flood\nsessions=0\n")
        with self.connect():
            pass
        for _ in range(2):
            with self.assertRaises(client.Refused) as caught:
                self.connect("flood")  # the last in a row of which each close waits
            self.assertEqual(caught.exception.reason, "QUOTA")
        world.eventually(self.status)  # of a user only so many at once
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s, self.assertRaises(OSError):
            s.connect(self.path("flood"))
            socket.send_fds(s, [b"x"], [0])  # from now on the kernel refuses them
        for s in kept + peers:
            s.close()
        daemon.terminate()
        self.assertEqual(daemon.wait(world.PATIENCE), 0)


world.main()
