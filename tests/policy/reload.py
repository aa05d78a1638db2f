#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names in zcrxd.conf that take long to look up: everybody else goes on meanwhile."""
import contextlib
import json
import os
import shutil
import signal
import socket
import unittest

import client
import world
from daemon import Daemon

FOLDER = os.path.join(world.BUILD, "tests", "policy")


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root, for an nsswitch.conf of its own")
class Slow(unittest.TestCase):
    def setUp(self):
        own = world.Case()
        own.setUp()
        self.addCleanup(own.doCleanups)
        self.fifo, switch = own.path("names"), own.path("nsswitch.conf")
        os.mkfifo(self.fifo)
        with open(switch, "w", encoding="ascii") as f:
            f.write("passwd: files\ngroup: files zcrxslow\n")
        self.daemon = Daemon(self, prefix=["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"',
                                           switch, os.path.realpath("/etc/nsswitch.conf")],
                             environment={"LD_LIBRARY_PATH": FOLDER, "ZCRX_SLOW_NAMES": self.fifo})
        self.addCleanup(self.answer)

    def answer(self):
        """Whoever waits for a name gets it; False if nobody does."""
        with contextlib.suppress(OSError):
            os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
            return True
        return False

    def document(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(world.PATIENCE)
            s.connect(self.daemon.status)
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def classes(self):
        return {c["name"]: c["explanation"] for c in self.document()["classes"]}

    def hang_up(self, classes):
        self.daemon.write(classes)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("RELOADING=1\nMONOTONIC_USEC=")

    def serves(self):
        """Others come, ask and see."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.close()
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(world.PATIENCE)
        try:
            with client.Connection(self.daemon.socket) as connection:
                client.Area(connection, 1 << 16)
                self.assertEqual(len(self.document()["clients"]), 1)
        finally:
            socket.setdefaulttimeout(before)
        world.eventually(lambda: not self.document()["clients"])

    def check(self, classes, explanation):
        self.hang_up(classes)
        self.serves()
        self.assertNotIn("slow", self.classes())
        world.eventually(self.answer)
        self.daemon.wait_for("READY=1")
        self.assertIn(explanation, self.classes()["slow"])
        self.serves()

    def test_of_members(self):
        self.check("[class slow]\ngroups=zcrx-slow\n", "gid 61234")

    def test_of_who_owns_a_socket(self):
        self.check("[class slow]\nsocket={dir}/slow\ngroup=zcrx-slow\n", "{dir}/slow".format(dir=self.daemon.dir))
        self.assertEqual(os.stat(self.daemon.path("slow")).st_gid, 61234)

    def test_what_changes_meanwhile_is_read_in_the_end(self):
        self.hang_up("[class slow]\ngroups=zcrx-slow\n")
        world.eventually(lambda: os.path.exists(f"{self.fifo}.asked"))
        self.hang_up("[class other]\nusers=61000\n")
        world.eventually(self.answer)
        self.daemon.wait_for("READY=1")
        self.assertEqual(set(self.classes()), {"default", "other"})

    def test_the_end_is_not_waited_for(self):
        self.hang_up("[class slow]\ngroups=zcrx-slow\n")
        self.daemon.process.terminate()
        self.assertEqual(self.daemon.process.wait(world.PATIENCE), 0)


world.main()
