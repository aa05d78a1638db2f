#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What zcrxd and zcrxctl doctor say of a kernel that will not do, or not quite.

usage: kernel.py OTHER-RELEASE-LIBRARY
"""
import errno
import itertools
import json
import mmap
import os
import subprocess
import sys

import client
import world
from seccomp import NUMBERS, denying
from tables import constants

LIBRARY = sys.argv.pop()
OLD, FIXED = "6.18.15-2-amd64", "CVE-2026-43121 CVE-2026-43174"
SANITIZED = bool(os.environ.get("ZCRX_SANITIZE"))


class Kernel(world.Case):
    def config(self, more=""):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(f"[sockets]\nclients={self.path('clients')}\nstatus={self.path('status')}\n"
                    f"state={self.dir}\n[nic none0]\nqueues=1\n[class default]\nnics=none0\n{more}")
        return ["-c", self.path("conf")]

    def doctor(self, *arguments, **more):
        done = self.run_tool(world.CTL, "doctor", "--json", *arguments, "lo", **more)
        return done.returncode, json.loads(done.stdout)["machine"]["findings"]

    def test_each_denied_call_is_named(self):
        for call, error in itertools.product(NUMBERS, (errno.EPERM, errno.EACCES, errno.ENOSYS)):
            deny = denying(call, error)
            done = self.run_tool(world.ZCRXD, *self.config(), preexec_fn=deny)
            said = done.stderr.decode()
            self.assertEqual(done.returncode, 1, (call, error, said))
            self.assertIn(f"{call} is denied here ({os.strerror(error)})", said)
            self.assertIn("seccomp", said)
            self.assertNotIn("LimitMEMLOCK", said)
            self.assertFalse(os.path.exists(self.path("clients")))
            status, findings = self.doctor(preexec_fn=deny)
            found, = [f for f in findings if f["subject"] == "io_uring"]
            self.assertEqual((status, found["verdict"]), (2, "FIX"), (call, error, found))
            self.assertIn(call, found["text"])
            self.assertIn("seccomp", found["text"])

    def preloaded(self, release):
        if SANITIZED:
            self.skipTest("a sanitizer wants to be loaded first")
        return {**self.environment, "LD_PRELOAD": LIBRARY, "OTHER_RELEASE": release}

    def opened(self, release, backend, more=""):
        """What a client is told: why not, or the sentence of the refusal."""
        with open(self.path("log"), "w", encoding="utf-8") as log:
            daemon = subprocess.Popen([world.ZCRXD, *self.config(more)], stderr=log,
                                      env=self.preloaded(release))
        try:
            world.eventually(lambda: os.path.exists(self.path("status")))
            with client.Connection(self.path("clients")) as c:
                area = client.Area(c, 64 * mmap.PAGESIZE)
                reply, fds = c.request("QUEUE_OPEN", area_id=area.id, backend=constants[backend])
                for fd in fds:
                    os.close(fd)
                return reply["why_text"]
        except client.Refused as refused:
            return refused.text
        finally:
            daemon.terminate()
            self.assertEqual(daemon.wait(world.PATIENCE), 0)

    def test_zcrx_is_refused_on_kernels_with_holes(self):
        for backend in "MSG_BACKEND_ZCRX", "MSG_BACKEND_AUTO":
            said = self.opened(OLD, backend)
            self.assertIn(f"Linux {OLD} has holes", said)
            self.assertIn(FIXED, said)
            self.assertIn("fixed-in-this-kernel", said)
        self.assertIn("CVE-2026-43174.", self.opened(OLD, "MSG_BACKEND_ZCRX",
                                                     "[zcrx]\nfixed-in-this-kernel=CVE-2026-43121\n"))
        for release, more in (OLD, f"[zcrx]\nfixed-in-this-kernel={FIXED}\n"), ("7.2.13", ""):
            self.assertIn("none0", self.opened(release, "MSG_BACKEND_ZCRX", more))

    def test_the_doctor_names_the_holes(self):
        def holes(release, more=""):
            _, findings = self.doctor(*self.config(more), env=self.preloaded(release))
            return {f["value"]: f["verdict"] for f in findings if f["subject"] == "hole in zcrx"}
        self.assertEqual(holes(OLD), dict.fromkeys(FIXED.split(), "FIX"))
        self.assertEqual(holes(OLD, f"[zcrx]\nfixed-in-this-kernel={FIXED}\n"), dict.fromkeys(FIXED.split(), "ok"))
        self.assertEqual(holes("7.0.0-rc3"), dict.fromkeys([*FIXED.split(), "CVE-2026-45995"], "FIX"))
        self.assertEqual(holes("7.2.12+deb14-amd64"), {})


world.main()
