#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxctl policy, and zcrxd --check, which say what zcrxd.conf means."""
import os
import re
import shutil
import subprocess
import unittest

import client
import world
from daemon import Daemon

FILE = """[sockets]
clients=/run/x/clients
[nic eth0]
queues=2-7
[class web]
socket=/run/x/web
nics=eth0:2-5
local=10.0.0.1:80 [fd00::/8]:443
remote=10.0.0.0/8 ::/0
host-flows=receive-only
[class few]
users=61000-61009
groups=61020
backends=copy
"""


class Test(world.Case):
    def ask(self, *arguments, content=FILE):
        """(exit status, what is printed) of zcrxctl policy test."""
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(content)
        result = self.run_tool(world.CTL, "policy", "test", "-c", self.path("conf"), *arguments)
        return result.returncode, (result.stdout or result.stderr).decode()

    def judged(self, words, *arguments):
        status, said = self.ask(*arguments)
        granted = words == "granted"
        self.assertEqual(status, 0 if granted else 1, said)
        self.assertIn(words, said)
        return said

    def test_says_the_class(self):
        for who, name in (([], "default"), (["--socket", "/run/x/web"], "web"),
                          (["--socket", "/run/x/clients"], "default"),
                          (["--uid", "61005"], "few"), (["--uid", "1", "--gid", "61020"], "few"),
                          (["--uid", "1", "--groups", "5 61020"], "few"),
                          (["--uid", "1", "--gid", "5", "--groups", "7"], "default"),
                          (["--uid", "61005", "--socket", "/run/x/web"], "web")):
            status, said = self.ask(*who)
            self.assertEqual(status, 0, said)
            self.assertIn(f"class {name}: ", said)
            self.assertIn("Each user: 32 connections", said)

    def test_judges_as_the_daemon_does(self):
        web, few = ["--socket", "/run/x/web"], ["--uid", "61000"]
        self.judged("granted", *web, "--lease", "eth0:3")
        self.judged("denied (DENIED): ", *web, "--lease", "eth0:6")
        self.judged("nics=", *few, "--lease", "eth0:3")
        self.judged("backends=", *few, "--backend", "zcrx")
        self.judged("granted", *few, "--backend", "copy")
        self.judged("granted", *web, "--steer", "10.0.0.1:80,10.9.9.9:7")
        self.judged("granted", *web, "--steer", "[fd00::1]:443")
        self.judged("remote=", *web, "--steer", "10.0.0.1:80,11.0.0.1:7")
        self.judged("local=", *web, "--steer", "10.0.0.2:80,10.0.0.1:7")
        self.judged("each connection", *web, "--steer", "10.0.0.1:80")
        self.judged("granted", *few, "--steer", "10.0.0.1:1024")
        self.judged("granted", *web, "--connect", "10.0.0.9:1", "--receive-only")
        self.judged("denied (HOST_DENIED): ", *web, "--connect", "10.0.0.9:1")
        self.judged("denied (HOST_DENIED): ", *few, "--connect", "10.0.0.9:1", "--receive-only")
        self.judged("granted", *web, "--listen", "10.0.0.1:80", "--receive-only")
        self.judged("local=", *web, "--listen", "0.0.0.0:80", "--receive-only")

    def test_a_queue_that_is_not_zcrxds_is_nobodys(self):
        status, said = self.ask("--lease", "eth0:9", content="[nic eth0]\nqueues=1\n[class default]\nnics=eth0\n")
        self.assertEqual(status, 1, said)
        self.assertIn("[nic eth0]", said)

    def test_a_backend_needs_hardware_queues(self):
        for backend in "zcrx", "devmem":
            status, said = self.ask("--backend", backend, content="[class default]\n")
            self.assertEqual(status, 1, said)
            self.assertIn("denied (BACKEND): No receive queue is zcrxd's", said)
            self.judged("denied (DENIED): Your class may not lease a receive queue", "--backend", backend)
            self.judged("granted", "--socket", "/run/x/web", "--backend", backend)

    def test_without_a_file_there_are_the_defaults(self):
        if os.path.exists("/etc/zcrxd/zcrxd.conf"):
            self.skipTest("this machine has an /etc/zcrxd/zcrxd.conf")
        result = self.run_tool(world.CTL, "policy", "test", "--lease", "eth0:1")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"class default", result.stdout)

    def test_mistakes(self):
        for arguments in (["--uid", "no-such-user-here"], ["--uid", "1-2"], ["--gid", "-1"],
                          ["--groups", "1 no-such-group-here"], ["--lease", "eth0"], ["--lease", "eth0:1-2"],
                          ["--lease", "eth0:1 eth1:1"], ["--steer", "10.0.0.1"], ["--steer", "*:80"],
                          ["--steer", "10.0.0.0/8:80"], ["--steer", "10.0.0.1:1-2"], ["--backend", "rdma"],
                          ["--socket", "/nobody"], ["--lease", "a:1", "--backend", "copy"],
                          ["--nonsense"], ["web"], ["-c", "/nonexistent"]):
            status, said = self.ask(*arguments)
            self.assertEqual(status, 2, said)
        status, said = self.ask(content="[class a]\nqueues=x\n")
        self.assertEqual(status, 2)
        self.assertIn(":2: queues=x", said)
        for arguments in ([], ["nonsense"], ["show", "more"], ["show", "--nonsense"]):
            self.assertEqual(self.run_tool(world.CTL, "policy", *arguments).returncode, 2)


class Check(world.Case):
    def check(self, content):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(content)
        return self.run_tool(world.ZCRXD, "--check", "-c", self.path("conf"))

    def test_explains_every_class(self):
        result = self.check(FILE)
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in result.stderr.decode().splitlines():  # whether this machine has that interface is open
            self.assertIn("[nic eth0]", line)
        said = result.stdout.decode()
        sections = dict(re.findall(r"^\[class (\w+)\]\n(.*?)(?:\n\n|\Z)", said, re.M | re.S))
        self.assertEqual(list(sections), ["default", "web", "few"])
        self.assertIn("; Members: whoever connects to /run/x/web.", sections["web"])
        self.assertIn("hardware queues of eth0:2-5.", sections["web"])
        self.assertIn("local 10.0.0.1:80 [fd00::/8]:443, remote 10.0.0.0/8 ::/0", sections["web"])
        self.assertIn("; Members: uid 61000-61009, or gid 61020.", sections["few"])
        self.assertIn("may not lease hardware queues", sections["few"])
        again = self.check(said)
        self.assertEqual((again.returncode, again.stdout), (0, result.stdout))

    def test_mistakes_have_their_lines(self):
        result = self.check("[class a]\nusers=0\nnics=eth9\nlocal=nonsense\n[class b]\nqueues=1\n")
        self.assertEqual((result.returncode, result.stdout), (78, b""))
        self.assertIn(b"conf:4: local=nonsense: expected addresses", result.stderr)
        result = self.check("[class a]\nusers=0\nnics=eth9\n[class b]\nqueues=1\n")
        self.assertIn(b"conf:1: [class a] nics=eth9: there is no [nic eth9]", result.stderr)
        self.assertIn(b"conf:4: [class b] needs either", result.stderr)

    def test_an_empty_section_is_no_nothing(self):
        result = self.check("[class a]\n[class default]\n")
        self.assertEqual((result.returncode, result.stdout), (78, b""))
        self.assertIn(b"conf:1: [class a] needs either socket=, or users= and groups=", result.stderr)
        result = self.check("[class default]\n")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"[class default]\n; Members: who is of no other class.", result.stdout)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root, for another /etc/group")
class Crowd(world.Case):
    """A group with more members than any buffer one would choose for them."""

    def beside_a_crowd(self, *command):
        with open(self.path("group"), "w", encoding="ascii") as f:
            f.write(f"root:x:0:\ncrowd:x:64321:{','.join(f'member{i}' for i in range(30000))}\n")
        script = 'mount --bind "$1" /etc/group; shift; exec "$@"'
        return ["unshare", "-m", "sh", "-ec", script, "sh", self.path("group"), *command]

    def conf(self, text):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(text)
        return self.path("conf")

    def test_is_one_in_a_list(self):
        conf = self.conf("[class a]\ngroups=crowd\n")
        result = self.run_tool(*self.beside_a_crowd(world.ZCRXD, "--check", "-c", conf))
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"groups=64321", result.stdout)
        conf = self.conf("[class a]\ngroups=nobody-has-this\n")
        result = self.run_tool(*self.beside_a_crowd(world.ZCRXD, "--check", "-c", conf))
        self.assertIn(b"there is no such group", result.stderr)
        for section in "[sockets]", "[class a]\nsocket=/a":
            conf = self.conf(f"{section}\ngroup=nobody-has-this\n")
            result = self.run_tool(*self.beside_a_crowd(world.ZCRXD, "--check", "-c", conf))
            line = section.count("\n") + 2
            self.assertEqual(result.stderr.decode(),
                             f"{conf}:{line}: group=nobody-has-this: there is no such group\n")
            self.assertEqual(result.returncode, 78)

    def test_a_file_that_is_none_is_a_mistake(self):
        os.mkdir(self.path("folder"))
        for path in self.path("folder"), self.path("absent"), self.path("absent/none"):
            result = self.run_tool(world.ZCRXD, "--check", "-c", path)
            self.assertEqual(result.returncode, 78, result.stderr)

    def test_can_own_a_socket(self):
        sock = self.path("clients")
        conf = self.conf(f"[sockets]\nclients={sock}\nstatus={self.path('status')}\ngroup=crowd\n"
                         f"state={self.path('.')}\n")
        daemon = subprocess.Popen(self.beside_a_crowd(world.ZCRXD, "-c", conf), stderr=subprocess.PIPE)
        try:
            world.eventually(lambda: os.path.exists(sock) and os.stat(sock).st_gid == 64321
                             or daemon.poll() is not None)
            self.assertIsNone(daemon.poll(), "zcrxd did not start")
        finally:
            daemon.terminate()
            said = daemon.communicate(timeout=world.PATIENCE)[1]
        self.assertEqual(daemon.returncode, 0, said)


class Show(unittest.TestCase):
    def test_shows_what_holds_and_what_is_used(self):
        daemon = Daemon(self, "[class web]\nsocket={dir}/web\nqueues=7\n")
        connection = daemon.connect(self, "web")
        queue = client.Queue(connection, client.Area(connection, 1 << 20))
        case = world.Case()
        result = case.run_tool(world.CTL, "policy", "show", "--socket", daemon.status)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        said = result.stdout.decode()
        self.assertRegex(said, r"(?s)class default\n.*class web\n  Members: whoever connects to .*/web\.\n")
        self.assertRegex(said, r"Each user: 32 connections, 7 queues")
        self.assertRegex(said, r"Now: 1 users, 1 connections, 1 queues, 1 areas, 0 flows, ")
        queue.close()
        daemon.reload("")
        said = case.run_tool(world.CTL, "policy", "show", "--socket", daemon.status).stdout.decode()
        self.assertNotIn("web", said)
        self.assertEqual(case.run_tool(world.CTL, "policy", "show", "--socket", "/nonexistent").returncode, 4)


world.main()
