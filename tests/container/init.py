#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/container/init: zcrxd is killed, and the client of before goes on."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import client
import world
from daemon import Daemon

INIT = os.path.join(os.environ["ZCRX_SOURCE_DIR"], "examples", "container", "init")
AS_FIRST = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def may_be_first():
    return os.geteuid() == 0 and shutil.which("unshare") and \
        subprocess.run([*AS_FIRST, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


class Init(unittest.TestCase):
    def zcrxd(self, daemon):
        """As seen from here; not the one that was seen before."""
        with open(f"/proc/{self.init(daemon)}/task/{self.init(daemon)}/children", encoding="ascii") as f:
            for pid in f.read().split():
                with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                    if comm.read() == "zcrxd\n":
                        return int(pid)
        return None

    def init(self, daemon):
        return daemon.process.pid

    def goes_on(self, daemon):
        connection = daemon.connect(self)
        for _ in range(3):
            before = self.zcrxd(daemon)
            os.kill(before, signal.SIGKILL)
            daemon.wait_for("READY=1")
            self.assertNotEqual(self.zcrxd(daemon), before)
            client.Area(connection, 1 << 16)
            daemon.connect(self)

    def test_a_zcrxd_that_is_killed_is_started_again(self):
        daemon = Daemon(self, prefix=[INIT])
        self.goes_on(daemon)
        daemon.reload("[class web]\nsocket={dir}/web\n")
        daemon.connect(self, "web")

    def test_one_that_ends_by_itself_is_not(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write("nonsense\n")
            conf.flush()
            done = subprocess.run([INIT, world.ZCRXD, "-c", conf.name], stderr=subprocess.DEVNULL,
                                  check=False, timeout=world.PATIENCE)
        self.assertEqual(done.returncode, 78)


class First(Init):
    @unittest.skipUnless(may_be_first(), "needs root, for a process namespace")
    def setUp(self):
        pass

    def init(self, daemon):
        with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def test_a_zcrxd_that_is_killed_is_started_again(self):
        daemon = Daemon(self, prefix=[*AS_FIRST, INIT])
        self.goes_on(daemon)
        # Pumps that end are waited for.
        world.eventually(lambda: len(daemon.document()["clients"]) >= 1)
        os.kill(self.init(daemon), signal.SIGTERM)
        self.assertEqual(daemon.process.wait(world.PATIENCE), 0)


world.main()
