# SPDX-License-Identifier: MIT
"""A zcrxd with a configuration that changes, clients of it as other users, and what it says."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import client
import world
from classes_text import lifted
from tables import constants, messages, structs

AS_OTHERS = unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"),
                                "needs root, to be other users")
HELLO = structs["msg_hello"].pack({
    "hdr": {"size": structs["msg_hello"].size, "type": messages["HELLO"][0], "serial": 1},
    "version_min": constants["MSG_VERSION"], "version_max": constants["MSG_VERSION"]}).hex()


class Daemon:
    """
    classes: the text below [sockets]; {dir} in it is the folder of all the sockets. Unless it says otherwise,
    clients may connect as fast as they can. prefix: a command that runs it, as another user perhaps.
    """

    def __init__(self, case, classes="", environment=None, prefix=()):
        folder = tempfile.TemporaryDirectory(prefix="zcrxd-policy.")
        case.addCleanup(folder.cleanup)
        self.dir = folder.name
        os.chmod(self.dir, 0o777 if prefix else 0o755)
        self.socket, self.status = self.path("clients"), self.path("status")
        self.write(classes)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        case.addCleanup(self.notify.close)
        self.notify.bind(self.path("notify"))
        self.notify.settimeout(world.PATIENCE)
        os.chmod(self.path("notify"), 0o666)
        self.command = [*prefix, world.ZCRXD, "-v", "-c", self.path("conf")]
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.path("notify"), **(environment or {})}
        self.process = None
        self.start()
        case.addCleanup(self.end, case)

    def start(self):
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=self.environment)
        self.wait_for("READY=1")

    def kill_broker(self):
        """Another takes over what it leaves."""
        self.process.kill()
        self.process.wait()
        self.start()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, classes):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(f"[sockets]\nclients={self.socket}\nstatus={self.status}\nmode=0666\n"
                    f"state={self.dir}\n"
                    + lifted(classes, "connections-per-second").replace("{dir}", self.dir))

    def wait_for(self, word):
        while word not in self.notify.recv(4096).decode():
            pass

    def reload(self, classes):
        """Returns what it has to say to that."""
        before = len(self.said())
        self.write(classes)
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("RELOADING=1\nMONOTONIC_USEC=")
        self.wait_for("READY=1")
        return self.said()[before:]

    def said(self):
        with open(self.path("log"), encoding="utf-8") as f:
            return f.read()

    def says(self, text, times):
        """
        Until it has said that so often. What is of a pump is said by zcrxd, later than the client
        has its reply.
        """
        world.eventually(lambda: self.said().count(text) == times)

    def document(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.status)
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def used(self, name):
        found, = [c["used"] for c in self.document()["classes"] if c["name"] == name]
        return found

    def end(self, case):
        self.process.terminate()
        try:
            status = self.process.wait(world.PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        case.assertEqual(status, 0, self.said())

    def connect(self, case, name="clients"):
        connection = client.Connection(self.path(name))
        case.addCleanup(connection.sock.close)
        return connection

    def class_of(self, case, user, gid, groups=(), name="clients"):
        """The class that a process of this user is of, as the status has it; None if it is refused."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={gid}"]
        as_user += ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
        other = subprocess.Popen(
            [*as_user, sys.executable, "-c", CLIENT, self.path(name), HELLO],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        case.addCleanup(other.wait)
        case.addCleanup(other.stdin.close)
        case.addCleanup(other.stdout.close)
        if other.stdout.readline() != "yes\n":
            return None
        found, = [c for c in self.document()["clients"] if c["pid"] == other.pid]
        case.assertEqual(found["uid"], user)
        return found["class"]


# The client's user may not be able to read this folder, so the program imports nothing of it.
CLIENT = """
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    s.connect(sys.argv[1])
    s.send(bytes.fromhex(sys.argv[2]))
    answer = s.recv(4096)
    print("yes" if len(answer) > 16 and struct.unpack_from("=i", answer, 12)[0] == 0 else "no", flush=True)
except OSError as e:
    print(e, flush=True)
sys.stdin.read()
"""
