# SPDX-License-Identifier: MIT
"""What the tests of the tools share: a private zcrxd, its environment, loopback sockets."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "python"))
from unix import accepts  # noqa: E402  (where it lies is known only now)

BUILD = os.environ["ZCRX_BUILD_DIR"]
ZCRXD = os.path.join(BUILD, "daemon", "zcrxd")
CAT = os.path.join(BUILD, "tools", "zcrx-cat")
CTL = os.path.join(BUILD, "tools", "zcrxctl")
# Alone on two processors nothing that is waited for takes 200 ms, under the sanitizers 2 s, but for some
# of zcrxd's own limits (5 s): a machine may be 500 times, or 50 times, as slow or as busy.
PATIENCE = 100


def eventually(what, seconds=PATIENCE):
    """What the function says as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (said := what()):
        if time.monotonic() > deadline:
            raise AssertionError("this did not happen in time")
        time.sleep(0.02)
    return said


class Daemon:
    def __init__(self, classes=""):
        self.dir = tempfile.mkdtemp(prefix="zcrxd-test.")
        self.socket = os.path.join(self.dir, "clients")
        self.status = os.path.join(self.dir, "status")
        self.conf = os.path.join(self.dir, "conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f"[sockets]\nstate={self.dir}/state\n{classes}")
        os.mkdir(os.path.join(self.dir, "state"))
        self.log = open(os.path.join(self.dir, "log"), "w+", encoding="utf-8")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [ZCRXD, "-c", self.conf, "--socket", self.socket, "--status", self.status], stderr=self.log)
        self.environment = {**os.environ, "ZCRX_SOCKET": self.socket, "ZCRX_STATUS": self.status}
        eventually(lambda: accepts(self.socket) and accepts(self.status) or self.process.poll() is not None)

    def kill_broker(self):
        """Another takes over what it leaves."""
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self):
        """Ends it. Its exit status has to be 0, under the sanitizers too."""
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            said = self.log.read()
            self.log.close()
            shutil.rmtree(self.dir)
        if status:
            raise AssertionError(f"zcrxd ended with {status}:\n{said}")


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    environment = dict(os.environ)

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="zcrx-tools.")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run_tool(self, *command, **more):
        """Runs a tool to its end. Returns the CompletedProcess, its output as bytes."""
        more.setdefault("env", self.environment)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=PATIENCE, **more)

    def start(self, *command, **more):
        """Starts a tool; .err(PATTERN) waits for something on its stderr."""
        return Tool(self, command, more)


class DaemonCase(Case):
    """And with one zcrxd for all the tests of the class, which has to end well."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.stop)
        cls.environment = cls.daemon.environment


class Tool:
    def __init__(self, case, command, more):
        self.case = case
        self.err_path = case.path(f"stderr{time.monotonic_ns()}")
        more.setdefault("env", case.environment)
        more.setdefault("stdout", subprocess.PIPE)
        with open(self.err_path, "wb") as err:
            more.setdefault("stderr", err)
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)
        case.addCleanup(self.abandon)

    def abandon(self):
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def said(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def err(self, pattern):
        return eventually(lambda: re.search(pattern, self.said(), re.M))

    def port(self):
        return int(self.err(r"listening on .* port (\d+)$")[1])

    def end(self):
        """Waits for it. Returns (exit status, stdout, stderr)."""
        out = self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode, out, self.said()


def stale_socket(path):
    """A unix socket that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    return path


class Server:
    """Listens on loopback; accept() gives the one connection it is for."""

    def __init__(self, case, family=socket.AF_INET):
        self.socket = socket.socket(family)
        case.addCleanup(self.socket.close)
        self.case = case
        self.socket.settimeout(PATIENCE)
        self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.socket.listen()
        self.port = str(self.socket.getsockname()[1])

    def accept(self):
        connection = self.socket.accept()[0]
        self.case.addCleanup(connection.close)
        return connection


def main():
    """Runs the tests of the calling file; tells scripts/test about skips in the way it knows."""
    result = unittest.main(exit=False, verbosity=2).result
    for case, reason in result.skipped:
        print(f"skip: {reason}\n[  SKIPPED ] {case.id().split('.')[-1]}")
    sys.exit(not result.wasSuccessful())
