#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxctl upgrade against the real daemon. hostile.upgrade has streams, and programs that are no good."""
import os
import subprocess
import unittest

import client
import world
from daemon import AS_OTHERS, Daemon


ZCRXCTL = os.path.join(world.BUILD, "tools", "zcrxctl")


class Upgrade(unittest.TestCase):
    def upgrade(self, daemon):
        return subprocess.run([ZCRXCTL, "upgrade", "--socket", daemon.status],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def test_it_says_what_came_of_it(self):
        daemon = Daemon(self)
        connection = daemon.connect(self)
        before = daemon.document()
        done = self.upgrade(daemon)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^zcrxd \S+ became zcrxd \S+\n$")
        after = daemon.document()
        self.assertEqual(after["pid"], before["pid"])
        self.assertEqual(after["upgrades"], {"done": 1, "failed": 0, "why_not": ""})
        self.assertEqual([c["pump"] for c in after["clients"]], [c["pump"] for c in before["clients"]])
        client.Area(connection, 1 << 16)
        daemon.connect(self)

    def test_a_configuration_with_a_mistake_is_in_the_way(self):
        daemon = Daemon(self)
        connection = daemon.connect(self)
        daemon.write("[class default]\nflows=many\n")
        done = self.upgrade(daemon)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"--check ended with status {os.EX_CONFIG}", done.stderr)
        self.assertIn("flows=many", daemon.said())
        client.Area(connection, 1 << 16)
        # The classes may be others, and have other sockets.
        daemon.write("[class web]\nsocket={dir}/web\n")
        self.assertEqual(self.upgrade(daemon).returncode, 0)
        client.Area(connection, 1 << 16)
        daemon.connect(self, "web")
        daemon.write("")
        self.assertEqual(self.upgrade(daemon).returncode, 0)
        self.assertRaises(FileNotFoundError, daemon.connect, self, "web")

    def test_sockets_stay_where_they_are(self):
        daemon = Daemon(self)
        with open(daemon.path("conf"), "r+", encoding="ascii") as f:
            text = f.read()
            f.seek(0)
            f.write(text.replace(daemon.socket, daemon.socket + ".elsewhere"))
        connection = daemon.connect(self)
        self.assertEqual(self.upgrade(daemon).returncode, 0)
        client.Area(connection, 1 << 16)
        daemon.connect(self)

    def test_no_daemon(self):
        done = subprocess.run([ZCRXCTL, "upgrade", "--socket", "/nonexistent"],
                              stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 4)


class OwnUser(unittest.TestCase):
    def daemon_of(self, uid):
        return Daemon(self, prefix=["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"])

    @AS_OTHERS
    def test_a_client_of_the_pumps_user_is_refused(self):
        daemon = self.daemon_of(600)
        self.assertIsNone(daemon.class_of(self, 600, 600))
        self.assertIn("it is of the user that zcrxd runs as", daemon.said())
        self.assertEqual(daemon.class_of(self, 601, 600), "default")
        daemon.connect(self)  # as root

    @AS_OTHERS
    def test_a_nic_that_came_since_needs_a_restart(self):
        daemon = self.daemon_of(600)
        daemon.write("[nic zc9]\nqueues=1\n")
        done = subprocess.run([ZCRXCTL, "upgrade", "--socket", daemon.status],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("it gave it away when it started without [nic]; restart it", done.stderr)
        upgrades = daemon.document()["upgrades"]
        self.assertEqual((upgrades["done"], upgrades["failed"]), (0, 1))
        self.assertIn("restart it", upgrades["why_not"])
        daemon.connect(self)

    @AS_OTHERS
    def test_nor_is_one_of_any_user_that_has_a_privilege(self):
        capabilities = ["--inh-caps=+net_admin", "--ambient-caps=+net_admin"]
        daemon = Daemon(self, "[nic zc9]\nqueues=1\n",
                        prefix=["setpriv", "--reuid=61000", "--regid=61000", "--clear-groups", *capabilities])
        self.assertIsNone(daemon.class_of(self, 61000, 61000))
        self.assertEqual(daemon.class_of(self, 61001, 61000), "default")

    @AS_OTHERS
    def test_a_person_who_runs_zcrxd_is_not(self):
        self.assertEqual(self.daemon_of(61000).class_of(self, 61000, 61000), "default")


world.main()
