#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What zcrxd and zcrxctl say in public stays text, whatever clients call things, and is not much."""
import contextlib
import json
import os
import re
import socket
import subprocess
import unittest

import client
import world
from daemon import AS_OTHERS, Daemon
from tables import constants, messages, structs

EVIL = (b"\n<0>DEAD", b"\x1b]0;x\x07\x1b[2J", b"\xff\xfe\x1b[31m", b"\xc2\x9b2J", b"a\xe2\x80\xaeb",
        b"a b", b"a/b", b"a:b", b"..", b".", b"\xa0", b"a\tb", b"0123456789abcdef")
LINES_MAX = 10  # of each user and cause in a minute


def open_queue(connection, area, nic, backend):
    """QUEUE_OPEN with these very bytes as the NIC's name; (reply, [descriptors])."""
    body = structs["msg_queue_open"]
    number = messages["QUEUE_OPEN"][0]
    connection.serial += 1
    request = bytearray(body.pack({
        "hdr": {"size": body.size, "type": number, "nfds": 0, "serial": connection.serial},
        "area_id": area.id, "backend": backend}))
    request[body.size - 16:body.size - 16 + len(nic)] = nic
    connection.sock.send(request)
    return client.message_receive(connection.sock)


class Names(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(self, environment={"JOURNAL_STREAM": "1:1"})  # as under systemd

    def raw_document(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.daemon.status)
            return b"".join(iter(lambda: s.recv(65536), b""))

    def check(self, *words):
        """Log, status and terminal are text; the words are in the status."""
        with open(self.daemon.path("log"), "rb") as f:
            log = f.read()
        for line in log.decode("utf-8").splitlines():
            self.assertRegex(line, r"\A<[3-7]>[^\0-\x1f\x7f-\x9f]*\Z")
        text = self.raw_document().decode("utf-8")
        json.loads(text)
        for word in words:
            self.assertIn(word, text)
        for view in ([], ["queues"], ["flows"], ["--json"]):
            said = subprocess.run([world.CTL, "status", *view, "--socket", self.daemon.status], check=True,
                                  capture_output=True, timeout=world.PATIENCE)
            self.assertNotRegex(said.stdout.decode("utf-8"), r"[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")

    def test_what_is_no_name_of_an_interface_is_refused(self):
        connection = self.daemon.connect(self)
        area = client.Area(connection, 1 << 16)
        for nic in EVIL:
            for backend in (0, constants["MSG_BACKEND_ZCRX"], constants["MSG_BACKEND_COPY"]):
                refusal = structs["msg_fail"].unpack(open_queue(connection, area, nic, backend)[0])
                self.assertEqual(refusal["reason"], 7, (nic, refusal))  # VALUE
        self.check()

    def test_what_could_be_one_is_taken(self):
        connection = self.daemon.connect(self)
        area = client.Area(connection, 1 << 16)
        for nic in (b"", b"a.b-c@d", b"0123456789abcde", "zürich0".encode()):
            reply, fds = open_queue(connection, area, nic, 0)
            queue = structs["msg_queue_open_reply"].unpack(reply)
            self.assertEqual(queue["hdr"]["error"], 0, nic)
            if nic:
                self.check(nic.decode())
            connection.request("QUEUE_CLOSE", queue_id=queue["queue_id"])
            for fd in fds:
                os.close(fd)

    def test_the_name_of_a_client_is_text(self):
        for name, shown in ((b"plain", "plain"), ("Grüße".encode(), "Grüße"), (b"\x1b[2J\n", "?[2J?"),
                            (b"\xff\xfe", "??"), (b"x" * 31 + "ü".encode()[:1], "x" * 31),
                            (b"y" * 30 + "ü".encode(), "y" * 30 + "?")):
            with client.Connection(self.daemon.socket, name) as connection:
                client.Area(connection, 1 << 16)
                found, = [c["name"] for c in json.loads(self.raw_document())["clients"]]
                self.assertEqual(found, shown)
                self.check()
            world.eventually(lambda: not json.loads(self.raw_document())["clients"])


class Amount(unittest.TestCase):
    def refusals(self, connection, n):
        for _ in range(n):
            with contextlib.suppress(client.Refused):
                connection.request("AREA_DEL", area_id=77)

    def test_a_flood_of_refusals_is_counted_not_logged(self):
        daemon = Daemon(self, "[class default]\nrequests-per-second=1000000\nsessions=5\n")
        for _ in range(50):
            with client.Connection(daemon.socket) as connection:
                self.refusals(connection, 40)
        held = []
        for _ in range(50):
            with contextlib.suppress(client.Refused):
                held.append(client.Connection(daemon.socket))
        daemon.says("AREA_DEL refused", LINES_MAX)
        said = daemon.said()
        self.assertLessEqual(said.count("was refused"), LINES_MAX)
        self.assertLessEqual(len(said.splitlines()), 4 * LINES_MAX)
        for connection in held:
            connection.sock.close()
        daemon.process.terminate()
        daemon.process.wait(world.PATIENCE)
        left_out, = re.findall(r"uid \d+, class default: (\d+) more lines left out: request refused", daemon.said())
        self.assertEqual(int(left_out), 50 * 40 - LINES_MAX)

    @AS_OTHERS
    def test_users_have_lines_of_their_own(self):
        daemon = Daemon(self)
        self.refusals(daemon.connect(self), 100)
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(61000)
            os.setuid(61000)
            with client.Connection(daemon.socket) as connection:
                self.refusals(connection, 3)
            os._exit(0)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        daemon.says("uid 61000): AREA_DEL refused", 3)
        daemon.says(f"uid {os.getuid()}): AREA_DEL refused", LINES_MAX)


world.main()
