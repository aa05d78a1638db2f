#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxd without zcrx-pump or zcrx-hand does not start, and says where it looked for them. What a zcrx-hand does not do
a client is told in words."""
import errno
import os
import shutil
from unittest import mock

import client
import world
from daemon import Daemon
from tables import constants

NAMES = "zcrx-pump", "zcrx-hand"


class Programs(world.Case):
    def setUp(self):
        super().setUp()
        self.dir = os.path.realpath(self.dir)
        self.install("sbin", "zcrxd")
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(f"[sockets]\nclients={self.path('clients')}\nstatus={self.path('status')}\n")

    def install(self, folder, name):
        os.makedirs(self.path(folder), exist_ok=True)
        shutil.copy(os.path.join(world.BUILD, "daemon", name), self.path(os.path.join(folder, name)))

    def zcrxd(self, *arguments):
        return self.run_tool(self.path("sbin/zcrxd"), "-c", self.path("conf"), *arguments)

    def refused_for(self, missing):
        for arguments in ["--check"], []:
            result = self.zcrxd(*arguments)
            self.assertEqual(result.returncode, 1, arguments)
            said = result.stderr.decode().splitlines()
            self.assertEqual(len(said), len(missing), said)
            for line, (name, why) in zip(said, missing):
                beside, installed = self.path(f"sbin/{name}"), self.path(f"sbin/../libexec/{name}")
                self.assertEqual(line, f"zcrxd: zcrxd needs {name}, and can execute neither {beside} "
                                       f"(No such file or directory) nor {installed} ({why})")
        self.assertFalse(os.path.exists(self.path("clients")))

    def test_both_are_looked_for(self):
        absent = "No such file or directory"
        self.refused_for([(name, absent) for name in NAMES])
        for folder in "libexec", "sbin":
            for name in NAMES:
                other, = set(NAMES) - {name}
                self.install(folder, name)
                self.refused_for([(other, absent)])
                os.remove(self.path(f"{folder}/{name}"))

    def test_what_cannot_be_executed_is_as_if_it_was_absent(self):
        for name in NAMES:
            self.install("libexec", name)
        os.chmod(self.path("libexec/zcrx-hand"), 0o644)
        self.refused_for([("zcrx-hand", "Permission denied")])

    def test_either_place_is_right(self):
        for folder in "libexec", "sbin":
            for name in NAMES:
                self.install(folder, name)
            result = self.zcrxd("--check")
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            shutil.rmtree(self.path("libexec"), ignore_errors=True)

    def hand(self, script):
        """Hands run it from now on."""
        with open(self.path("sbin/hand"), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(self.path("sbin/hand"), 0o755)
        os.rename(self.path("sbin/hand"), self.path("sbin/zcrx-hand"))

    def area_refused(self, daemon):
        memfd = client.memfd(1 << 20)
        with client.Connection(daemon.socket) as connection, self.assertRaises(client.Refused) as caught:
            connection.request("AREA_ADD", [memfd], length=1 << 20, kind=constants["MSG_AREA_MEMFD"])
        os.close(memfd)
        self.assertEqual(caught.exception.reason, "DAEMON_LIMIT")
        return caught.exception

    def test_why_a_memfd_is_not_charged_is_said(self):
        self.install("sbin", "zcrx-pump")
        self.hand("exit 1\n")
        with mock.patch.object(world, "ZCRXD", self.path("sbin/zcrxd")):
            daemon = Daemon(self)
        for script, error, words in (("exit 1\n", errno.EIO, "has ended too early"),
                                     ("exec sleep 60\n", errno.ETIMEDOUT, "within 10 s")):
            self.hand(script)
            found = self.area_refused(daemon)
            self.assertEqual(found.errno, error, found.text)
            self.assertIn(words, found.text)
        os.chmod(self.path("sbin/zcrx-hand"), 0o644)
        found = self.area_refused(daemon)
        self.assertEqual(found.errno, errno.ENOENT, found.text)
        self.assertIn("may not be executed", found.text)


world.main()
