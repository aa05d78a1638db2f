#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A zcrxd that is short of what the kernel counts for its user: nobody loses a queue or waits in vain."""
import contextlib
import errno
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
import unittest

import client
import world
from daemon import Daemon
from tables import constants, messages, structs

# The kernel counts for each user, and this test may run twice at once.
UID = 20000 + 2 * (os.getpid() % 20000)
CULPRIT = UID + 1
DESCRIPTORS = 256
AREA = 1 << 16
MANY = "[class default]\nsessions=300\nqueues=300\nareas=300\nflows=300\n"

# Fills what its user may have in flight, says so, and takes it back when its input ends.
FILLER = """
import os, socket, sys
pairs = []
try:
    while True:
        pairs.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        for _ in range(8):
            socket.send_fds(pairs[-1][0], [b"x"], [0] * 32)
except OSError as e:
    print(e.strerror, flush=True)
sys.stdin.read()
"""


def as_user(*limits):
    return ["prlimit", *limits, "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all"]


def filled(case, limit=DESCRIPTORS):
    """Somebody of zcrxd's own user, who may open so many files, has as many in flight as he may."""
    filler = subprocess.Popen([*as_user(f"--nofile={limit}:{limit}"), sys.executable, "-c", FILLER],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    case.addCleanup(filler.wait)
    case.addCleanup(filler.stdout.close)
    case.addCleanup(filler.stdin.close)
    case.assertEqual(filler.stdout.readline(), "Too many references: cannot splice\n")
    return filler


def packed(name, serial, **fields):
    number, body, *_ = messages[name]
    return structs[body].pack({"hdr": {"size": structs[body].size, "type": number, "nfds": 0, "serial": serial},
                               **fields})


class Receiver:
    """A client with a listener."""

    def __init__(self, case, daemon, queue=None):
        self.case = case
        if not queue:
            connection = daemon.connect(case)
            queue = client.Queue(connection, client.Area(connection, AREA))
        self.queue = queue
        self.server = socket.create_server(("127.0.0.1", 0))
        case.addCleanup(self.server.close)
        self.queue.adopt(self.server, listening=True)

    def connect(self):
        peer = socket.create_connection(self.server.getsockname())
        self.case.addCleanup(peer.close)
        peer.send(b"x")
        return peer

    def got(self):
        """Did a byte come?"""
        for event in self.queue.reap():
            if event[0] == "data":
                self.queue.refill([event[3]])
                return True
        self.queue.wait(0.02)
        return False

    def receives(self, seconds=world.PATIENCE):
        self.connect()
        world.eventually(self.got, seconds)


def keep_descriptors(daemon, sessions, pairs):
    """
    Has so many sessions with replies to QUEUE_OPEN that it does not read, as another user. Returns
    when it has asked for them all: (its process id, what ends it).
    """
    ready, tell = os.pipe()
    wait, end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tell)
        os.close(wait)
        os.read(ready, 1)
        os.close(ready)
        return pid, end
    os.close(end)
    try:
        os.setgroups([])
        os.setgid(CULPRIT)
        os.setuid(CULPRIT)
        kept = []
        for _ in range(sessions):
            connection = client.Connection(daemon.socket)
            area = client.Area(connection, AREA)
            for k in range(pairs):
                connection.sock.send(packed("QUEUE_OPEN", 100 + 2 * k, area_id=area.id, backend=1, cq_entries=64))
                connection.sock.send(packed("QUEUE_CLOSE", 101 + 2 * k, queue_id=area.id + 1 + k))
            connection.sock.send(b"")
            kept.append(connection)
        time.sleep(0.5)
    except (BrokenPipeError, ConnectionResetError, client.Refused, client.Lost) as e:
        print(e)
    os.close(tell)
    os.read(wait, 1)
    os._exit(0)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be other users")
class Descriptors(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(self, MANY, prefix=as_user(f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"))

    def test_who_reads_nothing_leaves_others_some(self):
        neighbour = Receiver(self, self.daemon)
        neighbour.receives()
        pid, end = keep_descriptors(self.daemon, DESCRIPTORS // 20, 8)
        try:
            for _ in range(3):
                neighbour.receives()
            Receiver(self, self.daemon).receives()
        finally:
            os.close(end)
            os.waitpid(pid, 0)
        Receiver(self, self.daemon).receives()

    def test_a_connection_waits_until_its_socket_can_be_sent(self):
        neighbour = Receiver(self, self.daemon)
        filler = filled(self)
        neighbour.connect()
        for _ in range(50):
            self.assertFalse(neighbour.got())
        filler.stdin.close()
        world.eventually(neighbour.got)
        neighbour.receives()

    def test_a_reply_waits_until_its_descriptors_can_be_sent(self):
        connection = self.daemon.connect(self)
        area = client.Area(connection, AREA)
        filler = filled(self)
        connection.sock.send(packed("QUEUE_OPEN", 100, area_id=area.id, backend=1))
        connection.sock.settimeout(1)
        with self.assertRaises(TimeoutError):
            connection.sock.recv(4096, socket.MSG_PEEK)
        self.assertLess(self.cpu_ticks_of(1), 20)
        filler.stdin.close()
        connection.sock.settimeout(world.PATIENCE)
        data, fds = client.message_receive(connection.sock)
        self.assertEqual(structs["msg_hdr"].unpack(data)["error"], 0)
        self.assertEqual(len(fds), 3)
        for fd in fds:
            os.close(fd)

    def cpu_ticks_of(self, seconds):
        def ticks():
            total = 0
            for pid in self.daemon.process.pid, self.daemon.document()["clients"][0]["pump"]:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
            return total
        before = ticks()
        time.sleep(seconds)
        return ticks() - before

    def test_requests_wait_while_descriptors_are_unread(self):
        connection = self.daemon.connect(self)
        area = client.Area(connection, AREA)
        connection.sock.send(packed("QUEUE_OPEN", 100, area_id=area.id, backend=1))
        connection.sock.send(packed("QUEUE_CLOSE", 101, queue_id=area.id + 1))
        connection.sock.send(packed("QUEUE_OPEN", 102, area_id=area.id, backend=1))
        time.sleep(0.3)
        found, = self.daemon.document()["clients"]
        self.assertEqual([q["id"] for q in found["queues"]], [area.id + 1])
        for serial, n in (100, 3), (101, 0), (102, 3):
            connection.sock.settimeout(world.PATIENCE)
            data, fds = client.message_receive(connection.sock)
            header = structs["msg_hdr"].unpack(data)
            self.assertEqual((header["serial"], header["error"], len(fds)), (serial, 0, n))
            for fd in fds:
                self.addCleanup(os.close, fd)

    def test_what_was_read_counts_no_more(self):
        """Of more clients than the user's share would do for if each kept some."""
        for _ in range(12):
            connection = self.daemon.connect(self)
            connection.sock.settimeout(world.PATIENCE)
            self.addCleanup(client.Queue(connection, client.Area(connection, AREA)).close)

    def test_what_lies_unread_counts_until_nobody_can_read_it(self):
        """The process that could has gone, but passed its end on; the session has ended."""
        def sockets():
            folder, found = f"/proc/{self.daemon.process.pid}/fd", set()
            for fd in os.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    found.add(os.readlink(os.path.join(folder, fd)))
            return {name for name in found if name.startswith("socket:")}

        def new():
            return sockets() - before

        before = sockets()  # some of these go: what it says that it is ready with, or looks names up with
        connection = self.daemon.connect(self)
        area = client.Area(connection, AREA)
        connection.sock.send(packed("QUEUE_OPEN", 100, area_id=area.id, backend=1))
        world.eventually(lambda: self.daemon.document()["clients"][0]["queues"])
        connection.sock.shutdown(socket.SHUT_RDWR)
        world.eventually(lambda: not self.daemon.document()["clients"])
        world.eventually(lambda: len(new()) == 1)
        time.sleep(0.3)
        self.assertEqual(len(new()), 1)
        data, fds = client.message_receive(connection.sock)
        self.assertEqual((structs["msg_hdr"].unpack(data)["error"], len(fds)), (0, 3))
        world.eventually(lambda: not new())
        for fd in fds:
            os.close(fd)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be other users")
class TakenPump(unittest.TestCase):
    """A pump that was taken over fills what the user of all pumps may have in flight."""

    def test_the_broker_sends_on_and_other_pumps_wait(self):
        limit = 16000  # more than a pump of this class has
        daemon = Daemon(self, "[class default]\nqueues=4\nareas=4\nflows=16\nhost-flows=receive-only\n"
                              "local=127.0.0.1:1024-65535\nremote=*\n",
                        prefix=as_user(f"--nofile={limit}:{limit}"))
        receiver = Receiver(self, daemon)
        queue = receiver.queue
        with open(f"/proc/{daemon.document()['clients'][0]['pump']}/limits", encoding="ascii") as f:
            filler = filled(self, int(re.search(r"Max open files +(\d+)", f.read())[1]))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # The broker sends the listening socket to the pump, which sends none to the client.
        queue.connection.sock.settimeout(20)
        queue.connection.request("FLOW_HOST", queue_id=queue.id,
                                 flags=constants["MSG_FLOW_LISTEN"] | constants["MSG_FLOW_RECEIVE_ONLY"],
                                 local={"family": 4, "port": port, "ip": socket.inet_aton("127.0.0.1") + bytes(12)})
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.send(b"x")
            world.eventually(receiver.got)
        receiver.connect()  # its socket is for the client
        for _ in range(10):
            self.assertFalse(receiver.got())
        filler.stdin.close()
        world.eventually(receiver.got)
        client.Queue(queue.connection, client.Area(queue.connection, AREA)).close()


class Files(unittest.TestCase):
    """A pump may open no more files."""

    def test_what_finds_no_room_is_refused_by_its_own_reply(self):
        daemon = Daemon(self)
        connection = daemon.connect(self)
        pid = daemon.document()["clients"][0]["pump"]
        area = client.Area(connection, AREA)
        queue = client.Queue(connection, area)
        self.addCleanup(queue.close)
        with self.assertRaises(client.Refused):
            connection.request("AREA_DEL", area_id=0)  # what the last reply took is closed by now
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, before[1]))  # what is open stays, and all of these are
        ours, theirs = socket.socketpair()
        for name, fields in (("AREA_ADD", {"length": AREA, "kind": 1}), ("FLOW_ADOPT", {"queue_id": queue.id})):
            for _ in range(3):
                # The client checks type and serial of the reply.
                with self.assertRaises(client.Refused) as caught:
                    connection.request(name, [ours.fileno()], **fields)
                self.assertEqual((caught.exception.reason, caught.exception.errno), ("DAEMON_LIMIT", errno.EMFILE))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        client.Area(connection, AREA)
        ours.close()
        theirs.close()

    def test_a_queue_that_finds_no_room_is_refused(self):
        """Whichever of the descriptors that it needs is the one too many; the next one receives."""
        daemon = Daemon(self)
        connection = daemon.connect(self)
        connection.sock.settimeout(world.PATIENCE)
        pid = daemon.document()["clients"][0]["pump"]
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        area = client.Area(connection, AREA)
        refused = 0
        for room in range(32):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.limit(pid, room), before[1]))
            try:
                queue = client.Queue(connection, area)
                break
            except client.Refused as e:
                self.assertEqual(e.reason, "DAEMON_LIMIT", room)
                refused += 1
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.assertGreater(refused, 3)
        Receiver(self, daemon, queue).receives()

    def limit(self, pid, room):
        """With which it may open so many files more."""
        found = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
        free = (fd for fd in range(1 << 16) if fd not in found)
        return [next(free) for _ in range(room + 1)][-1]


LOCKED = 8 << 20

# Has so many bytes of locked memory, says so, and takes them back when its input ends.
HOG = """
import ctypes, mmap, sys
SETUP, REGISTER, BUFFERS = 425, 427, 0
libc = ctypes.CDLL(None)
ring = libc.syscall(SETUP, 8, ctypes.create_string_buffer(120))
memory = mmap.mmap(-1, int(sys.argv[1]))
class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]
vector = iovec(ctypes.addressof(ctypes.c_char.from_buffer(memory)), len(memory))
print(libc.syscall(REGISTER, ring, BUFFERS, ctypes.byref(vector), 1), flush=True)
sys.stdin.read()
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be other users")
class LockedMemory(unittest.TestCase):
    WAIT = 3  # of zcrxd's

    def setUp(self):
        self.daemon = Daemon(self, MANY, prefix=as_user(f"--memlock={LOCKED}:{LOCKED}"))
        self.own = Receiver(self, self.daemon)
        self.peer = self.own.connect()
        world.eventually(self.own.got)
        self.hog = subprocess.Popen(
            [*as_user(f"--memlock={LOCKED}:{LOCKED}"), sys.executable, "-c", HOG, str(LOCKED - (LOCKED >> 5))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.hog.wait)
        self.addCleanup(self.hog.stdout.close)
        self.addCleanup(self.hog.stdin.close)
        self.assertEqual(self.hog.stdout.readline(), "0\n")

    def answer(self, seconds):
        """To QUEUE_OPEN, or None if there is none yet."""
        self.sock.settimeout(seconds)
        try:
            data, fds = client.message_receive(self.sock)
        except TimeoutError:
            return None
        self.fds += fds
        return structs["msg_hdr"].unpack(data)["error"]

    def ask_until_one_waits(self):
        """Opens queues, on the connection that receives, until there is no memory for one."""
        self.fds = []
        self.addCleanup(lambda: [os.close(fd) for fd in self.fds])
        connection = self.own.queue.connection
        self.sock = connection.sock
        for serial in range(1000, 1100):
            area = client.Area(connection, AREA)
            self.sock.send(packed("QUEUE_OPEN", serial, area_id=area.id, backend=1))
            if self.answer(0.5) is None:
                return
        self.fail("there is memory for all of them")

    def stalls(self):
        """Its own flow's longest wait while QUEUE_OPEN is not answered, and the answer."""
        longest = 0
        while (error := self.answer(0.01)) is None:
            since = time.monotonic()
            self.peer.send(b"x")
            while not self.own.got():
                pass
            longest = max(longest, time.monotonic() - since)
        return longest, error

    def test_a_queue_that_waits_for_it_does_not_hold_up_others(self):
        self.ask_until_one_waits()
        longest, error = self.stalls()
        self.assertEqual(error, -errno.ENOMEM)
        self.assertLess(longest, self.WAIT / 2)

    def test_a_queue_gets_what_comes_free(self):
        self.ask_until_one_waits()
        self.hog.stdin.close()
        self.assertEqual(self.stalls()[1], 0)


world.main()
