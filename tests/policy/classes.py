#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Classes in a real zcrxd: who is of which, what it gets, and what a reload changes."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import client
import world
from daemon import AS_OTHERS, Daemon
from tables import constants

PAGE = os.sysconf("SC_PAGESIZE")
# Whatever kernel this is, it is not its holes that are in the way.
MENDED = "[zcrx]\nfixed-in-this-kernel=CVE-2026-43121 CVE-2026-43174 CVE-2026-45995\n"
TWO = """[class web]
socket={dir}/web
mode=0666
queues=1
areas=2
area-bytes=1M
sessions=3
[class other]
socket={dir}/other
mode=0666
"""


def hello(connection):
    """Anything at all that is answered."""
    with contextlib.suppress(client.Refused):
        connection.request("AREA_DEL", area_id=1)


class Case(unittest.TestCase):
    def refused(self, reason, function, *arguments, **fields):
        with self.assertRaises(client.Refused) as caught:
            function(*arguments, **fields)
        self.assertEqual(caught.exception.reason, reason, caught.exception.text)
        return caught.exception.text


class Sockets(Case):
    def setUp(self):
        self.daemon = Daemon(self, TWO)

    def test_the_socket_says_the_class(self):
        found = {}
        for name in ("clients", "web", "other"):
            self.daemon.connect(self, name)
        for c in self.daemon.document()["clients"]:
            found[c["class"]] = c["pid"]
        self.assertEqual(found, dict.fromkeys(("default", "web", "other"), os.getpid()))

    def test_each_class_has_limits_of_its_own(self):
        web, other = self.daemon.connect(self, "web"), self.daemon.connect(self, "other")
        self.assertEqual(web.limits["max_queues"], 1)
        self.assertEqual(web.limits["max_area_bytes"], 1 << 20)
        self.assertEqual(other.limits["max_queues"], 16)
        areas = [client.Area(web, 16 * PAGE) for _ in range(2)]
        queues = [client.Queue(web, areas[0])]
        self.refused("QUOTA", client.Area, web, PAGE)
        self.refused("QUOTA", client.Queue, web, areas[1])
        again = self.daemon.connect(self, "web")
        self.refused("QUOTA", client.Area, again, PAGE)
        for _ in range(3):
            queues.append(client.Queue(other, client.Area(other, 2 << 20, 1 << 20)))
        used = self.daemon.used("web")
        self.assertEqual((used["users"], used["queues"], used["areas"], used["sessions"]), (1, 1, 2, 2))
        self.assertEqual(self.daemon.used("other")["queues"], 3)
        self.assertEqual(self.daemon.used("default")["users"], 0)
        for queue in queues:
            queue.close()

    def test_what_was_given_back_is_there_again(self):
        web = self.daemon.connect(self, "web")
        for _ in range(5):
            areas = [client.Area(web, PAGE) for _ in range(2)]
            for area in areas:
                area.delete()
        web.sock.close()
        world.eventually(lambda: not self.daemon.used("web")["sessions"])

    def test_one_class_cannot_keep_others_from_connecting(self):
        """One floods its socket with connections, which it lets wait, say nothing, or drops."""
        over = threading.Event()

        def flood():
            held = []
            while not over.is_set():
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.connect(self.daemon.path("web"))
                held.append(s)
                for old in held[:-40]:
                    old.close()
                held = held[-40:]
            for s in held:
                s.close()

        threads = [threading.Thread(target=flood) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            for _ in range(50):
                with client.Connection(self.daemon.path("other")) as other:
                    hello(other)
        finally:
            over.set()
            for t in threads:
                t.join()
        self.assertLessEqual(self.daemon.used("web")["sessions"], 3)
        world.eventually(self.may_connect)

    def may_connect(self):
        """False while zcrxd still takes connections of the flood out of the backlog."""
        with contextlib.suppress(client.Refused):
            return self.daemon.connect(self, "web")
        return None

    def test_limits_hold_when_they_are_raced_for(self):
        self.daemon.reload(TWO + "queues=3\n")
        lock, held, most, trouble = threading.Lock(), [], [], []

        def race(connection):
            area = client.Area(connection, 1 << 16)
            for _ in range(40):
                try:
                    queue = client.Queue(connection, area)
                except client.Refused as e:
                    if e.reason != "QUOTA":
                        trouble.append(e)
                    continue
                with lock:
                    held.append(queue)
                    most.append(len(held))
                with lock:
                    held.remove(queue)
                queue.close()

        connections = [self.daemon.connect(self, "other") for _ in range(8)]
        threads = [threading.Thread(target=race, args=(c,)) for c in connections]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(trouble, [])
        self.assertTrue(most)
        self.assertLessEqual(max(most), 3)
        self.assertEqual(self.daemon.used("other")["queues"], 0)
        queues = [client.Queue(c, client.Area(c, 1 << 16)) for c in connections[:3]]
        self.refused("QUOTA", client.Queue, connections[3], client.Area(connections[3], 1 << 16))
        for queue in queues:
            queue.close()

    def test_connecting_anew_gives_no_more_requests(self):
        self.daemon.reload(TWO + "requests-per-second=20\n")
        answered, began = 0, time.monotonic()
        while time.monotonic() < began + 2:
            with contextlib.suppress(client.Refused, client.Lost):
                with client.Connection(self.daemon.path("other")) as other:
                    answered += 1
                    hello(other)
                    answered += 1
            time.sleep(0.002)  # its thread ends meanwhile
        seconds = time.monotonic() - began
        self.assertGreater(answered, 0)
        self.assertLessEqual(answered, 20 * (seconds + 1))

    def test_listeners_are_limited(self):
        self.daemon.reload(TWO + "listeners=2\nflows=20\n")
        other = self.daemon.connect(self, "other")
        queue = client.Queue(other, client.Area(other, 1 << 20))
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        for s in sockets:
            self.addCleanup(s.close)
        flows = [queue.adopt(s, True) for s in sockets[:2]]
        self.refused("QUOTA", queue.adopt, sockets[2], True)
        flows[0].close()
        world.eventually(lambda: queue.reap() or self.daemon.used("other")["listeners"] == 1)
        queue.adopt(sockets[2], True)

    def test_a_class_without_queues_or_backend_is_told(self):
        self.daemon.reload(TWO + "backends=zcrx\n[nic zc9]\nqueues=1\n")
        other = self.daemon.connect(self, "other")
        area = client.Area(other, 1 << 20)
        text = self.refused("DENIED", client.Queue, other, area, backend=constants["MSG_BACKEND_COPY"])
        self.assertIn("backends=", text)
        web = self.daemon.connect(self, "web")
        self.refused("BACKEND", client.Queue, web, client.Area(web, PAGE),
                     backend=constants["MSG_BACKEND_ZCRX"])


class Starts(Case):
    def test_a_nic_that_is_not_there_is_told_with_its_line(self):
        daemon = Daemon(self, TWO + "[nic zc9]\nqueues=1\n")
        with open(daemon.path("conf"), encoding="ascii") as f:
            line = f.read().splitlines().index("[nic zc9]") + 1
        said = f"/conf:{line}: [nic zc9]: there is no such interface now; there are lo"
        self.assertIn(said, daemon.said())
        check = subprocess.run([*daemon.command, "--check"], check=True, capture_output=True, text=True,
                               timeout=world.PATIENCE)
        self.assertIn(said, check.stderr)

    def test_a_second_one_says_for_what_it_waits(self):
        daemon = Daemon(self)
        second = subprocess.run([world.ZCRXD, "-c", daemon.path("conf")], check=False, capture_output=True, text=True,
                                timeout=world.PATIENCE)
        self.assertEqual(second.returncode, 1)
        self.assertEqual(second.stderr.splitlines(),
                         [f"zcrxd: {daemon.socket}: another process listens here; zcrxd waits 5 s for its end",
                          f"zcrxd: {daemon.socket} (clients= in [sockets]): another zcrxd listens here, or systemd for "
                          "one; stop it or choose another path"])

    def test_why_it_cannot_listen_is_its_last_line(self):
        daemon = Daemon(self)
        file, free = daemon.path("file"), daemon.path("free")
        with open(file, "w", encoding="ascii"):
            pass
        listening = daemon.path("status")
        for options, words in (
                (("--socket", file, "--status", free), f"{file} (--socket): cannot listen: File exists"),
                (("--socket", free, "--status", file), f"{file} (--status): cannot listen: File exists"),
                (("--socket", free, "--status", free), f"{free}: --socket and --status are the same path"),
                (("--socket", listening, "--status", free),
                 f"{listening} (--socket): cannot listen: somebody listens here at a socket of another kind")):
            with self.subTest(options=options):
                end = subprocess.run([world.ZCRXD, "-c", daemon.path("conf"), *options], check=False,
                                     capture_output=True, text=True, timeout=world.PATIENCE)
                self.assertEqual(end.returncode, 1)
                self.assertEqual(end.stderr.splitlines()[-1], f"zcrxd: {words}")


class Leases(Case):
    def test_a_class_that_does_not_name_queues_leases_none(self):
        daemon = Daemon(self, MENDED + "[nic zc9]\nqueues=1-2\n" + TWO + "nics=zc9:2\n")
        web, other = daemon.connect(self, "web"), daemon.connect(self, "other")
        zcrx = constants["MSG_BACKEND_ZCRX"]
        text = self.refused("DENIED", client.Queue, web, client.Area(web, 1 << 16), backend=zcrx)
        self.assertIn("nics=", text)
        queue = client.Queue(web, client.Area(web, 1 << 16))
        self.assertIn("Your class may not lease", queue.given["why_text"])
        # The other class may lease a queue, but there is no such interface.
        text = self.refused("BACKEND", client.Queue, other, client.Area(other, 1 << 16), backend=zcrx)
        self.assertIn("zc9 is gone", text)
        daemon.reload("[nic zc9]\nqueues=1-2\n" + TWO + "nics=\n")
        self.refused("DENIED", client.Queue, other, client.Area(other, 1 << 16), backend=zcrx)


class Users(Case):
    @AS_OTHERS
    def test_users_and_groups_are_matched(self):
        daemon = Daemon(self, "[class a]\nusers=61000-61009\n[class b]\ngroups=61020\n" + TWO)
        self.assertEqual(daemon.class_of(self, 61000, 61000), "a")
        self.assertEqual(daemon.class_of(self, 61009, 61020, [61020]), "a")
        self.assertEqual(daemon.class_of(self, 61010, 61020), "b")
        self.assertEqual(daemon.class_of(self, 61011, 61021, [61019, 61020]), "b")
        self.assertEqual(daemon.class_of(self, 61011, 61021, [61019]), "default")
        self.assertEqual(daemon.class_of(self, 61000, 61020, [61020], "web"), "web")
        many = range(62000, 62300)
        self.assertEqual(daemon.class_of(self, 61011, 61021, [*many, 61020]), "b")

    @AS_OTHERS
    def test_a_class_has_so_many_users_at_once(self):
        daemon = Daemon(self, "[class a]\nusers=61000-61009\nmost-users=2\n")
        self.assertEqual(daemon.class_of(self, 61000, 61000), "a")
        self.assertEqual(daemon.class_of(self, 61001, 61000), "a")
        self.assertEqual(daemon.class_of(self, 61001, 61000), "a")
        self.assertIsNone(daemon.class_of(self, 61002, 61000))
        self.assertEqual(daemon.class_of(self, 61010, 61010), "default")
        self.assertEqual(daemon.used("a")["users"], 2)

    @AS_OTHERS
    def test_who_is_of_another_class_now_gets_nothing_new(self):
        daemon = Daemon(self, "[class a]\nusers=0\n")
        connection = daemon.connect(self)
        area = client.Area(connection, 1 << 16)
        client.Area(connection, 1 << 16)
        daemon.reload("[class b]\nusers=0\n")
        text = self.refused("DENIED", client.Queue, connection, area)
        self.assertIn("connect again", text)
        self.refused("DENIED", client.Area, connection, 1 << 16)
        area.delete()
        self.assertEqual(self.daemon_classes(daemon), {"a"})
        daemon.connect(self)
        self.assertEqual(self.daemon_classes(daemon), {"a", "b"})
        # The class it was of is still there, but not for it.
        daemon.reload("[class a]\nusers=61000\n[class b]\nusers=0\n")
        self.refused("DENIED", client.Area, connection, 1 << 16)
        daemon.reload("[class a]\nusers=0\n")
        client.Area(connection, 1 << 16)

    @AS_OTHERS
    def test_who_has_no_class_any_more_is_told_so_at_any_time(self):
        daemon = Daemon(self, "[class a]\nusers=0\n")
        connection = daemon.connect(self)
        connection.sock.settimeout(world.PATIENCE / 5)
        daemon.reload("[class b]\nusers=0\n")
        for _ in range(2):
            time.sleep(1.1)  # what a second leaves over of the rate is no more there
            self.refused("DENIED", client.Area, connection, 1 << 16)

    def daemon_classes(self, daemon):
        return {c["class"] for c in daemon.document()["clients"]}


class Reload(Case):
    def setUp(self):
        self.daemon = Daemon(self, TWO)

    def pair(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        return ours, theirs

    def receive(self, queue, sock, data):
        sock.sendall(data)
        got, deadline = b"", time.monotonic() + world.PATIENCE
        while len(got) < len(data) and time.monotonic() < deadline:
            for what, _, *more in queue.reap():
                if what == "data":
                    got += bytes(more[0])
                    queue.refill([more[1]])
            queue.wait()
        self.assertEqual(got, data)

    def test_what_is_there_stays_what_is_new_is_judged_anew(self):
        web = self.daemon.connect(self, "web")
        queue = client.Queue(web, client.Area(web, 1 << 16))
        ours, theirs = self.pair()
        queue.adopt(theirs)
        self.receive(queue, ours, b"before" * 1000)
        said = self.daemon.reload(TWO.replace("areas=2", "areas=1\nflows=1"))
        self.assertIn("read again", said)
        self.receive(queue, ours, b"after" * 1000)
        self.refused("QUOTA", client.Area, web, PAGE)
        self.refused("QUOTA", queue.adopt, self.pair()[1])
        self.daemon.reload(TWO)
        queue.adopt(self.pair()[1])

    def test_a_class_that_went_leaves_its_clients_what_they_have(self):
        web = self.daemon.connect(self, "web")
        queue = client.Queue(web, client.Area(web, 1 << 16))
        ours, theirs = self.pair()
        flow = queue.adopt(theirs)
        self.daemon.reload(TWO[TWO.index("[class other]"):])
        self.assertFalse(os.path.exists(self.daemon.path("web")))
        self.receive(queue, ours, b"still" * 1000)
        self.refused("DENIED", client.Area, web, PAGE)
        self.refused("DENIED", queue.adopt, self.pair()[1])
        flow.close()
        queue.close()
        with self.assertRaises(FileNotFoundError):
            client.Connection(self.daemon.path("web"))
        self.daemon.reload(TWO)
        self.daemon.connect(self, "web")
        client.Area(web, PAGE)  # it is of that class again

    def test_new_classes_have_their_sockets(self):
        more = TWO + "[class more]\nsocket={dir}/more\nmode=0600\nareas=0\n"
        self.daemon.reload(more)
        more_client = self.daemon.connect(self, "more")
        self.refused("QUOTA", client.Area, more_client, PAGE)
        self.assertEqual(os.stat(self.daemon.path("more")).st_mode & 0o777, 0o600)
        self.daemon.reload(more.replace("0600", "0666"))
        self.assertEqual(os.stat(self.daemon.path("more")).st_mode & 0o777, 0o666)
        self.daemon.reload(more.replace("/more", "/elsewhere"))
        self.assertFalse(os.path.exists(self.daemon.path("more")))
        self.daemon.connect(self, "elsewhere")
        client.Connection(self.daemon.path("web")).sock.close()

    def test_a_path_goes_from_one_class_to_another(self):
        old = self.daemon.connect(self, "web")
        area = client.Area(old, PAGE)
        said = self.daemon.reload(TWO.replace("{dir}/web", "{dir}/x").replace("{dir}/other", "{dir}/web"))
        self.assertIn("the configuration was read again", said)
        self.assertFalse(os.path.exists(self.daemon.path("other")))
        self.assertEqual(sorted(n for n in os.listdir(self.daemon.dir) if ".new" in n), [])
        self.assertEqual(self.daemon.connect(self, "x").limits["max_queues"], 1)
        self.assertEqual(self.daemon.connect(self, "web").limits["max_queues"], 16)
        area.delete()  # who was there stays of its class
        queue = client.Queue(old, client.Area(old, 1 << 16))
        self.refused("QUOTA", client.Queue, old, client.Area(old, 1 << 16))
        queue.close()
        self.daemon.reload(TWO)
        self.assertEqual(self.daemon.connect(self, "web").limits["max_queues"], 1)

    def test_the_shared_sockets_path_needs_a_restart(self):
        self.daemon.socket = self.daemon.path("elsewhere")
        said = self.daemon.reload(TWO + "[class late]\nsocket={dir}/clients\n")
        self.assertIn("until zcrxd is restarted this is one of [sockets]", said)
        self.assertIn("what held before still holds", said)
        self.daemon.connect(self)

    def test_a_bad_file_changes_nothing(self):
        with open(self.daemon.path("file"), "w", encoding="ascii"):
            pass
        for bad, words in (("queues=many\n", "queues=many: expected a number"),
                           ("[nonsense]\nx=1\n", "there is no section [nonsense]"),
                           ("[class x]\nsocket={dir}/file\n", "file (socket= of [class x]): cannot listen: File exists"),
                           ("[class y]\nsocket={dir}/y\n[class x]\nsocket={dir}/no/such/x\n", "cannot listen")):
            said = self.daemon.reload(TWO.replace("areas=2", "areas=0") + bad)
            self.assertIn(words, said)
            self.assertIn("what held before still holds", said)
            self.assertFalse(os.path.exists(self.daemon.path("y")))
            web = self.daemon.connect(self, "web")
            client.Area(web, PAGE).delete()
            web.sock.close()

    def test_as_many_addresses_as_a_class_may_have(self):
        """A pump that does not read for a while is told all of them, and again, and goes on."""
        def of(n):
            return "[class default]\n" + "".join(f"remote=10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n" for i in range(n - 1))

        daemon = Daemon(self)
        connection = daemon.connect(self)
        pump = daemon.document()["clients"][0]["pump"]
        os.kill(pump, signal.SIGSTOP)
        try:
            for _ in range(3):
                self.assertIn("was read again", daemon.reload(of(4096)))
        finally:
            os.kill(pump, signal.SIGCONT)
        client.Area(connection, 1 << 16)
        daemon.kill_broker()
        client.Area(connection, 1 << 16)
        self.assertEqual(daemon.document()["clients"][0]["pump"], pump)
        self.assertIn("[class default] has 4097 addresses in local= and remote= together; the limit is 4096\n",
                      daemon.reload(of(4097)))
        client.Area(connection, 1 << 16)

    def test_what_is_read_at_the_start_only_is_said(self):
        said = self.daemon.reload("[nic zc9]\nqueues=1\n" + TWO)
        self.assertIn("restart zcrxd", said)
        self.assertNotIn("restart", self.daemon.reload(TWO))

    def test_many_reloads_while_clients_come_and_go(self):
        over = threading.Event()
        trouble = []

        def come_and_go():
            while not over.is_set():
                try:
                    with client.Connection(self.daemon.path("other")) as c:
                        client.Queue(c, client.Area(c, 1 << 16)).close()
                except client.Refused as e:
                    if e.reason != "QUOTA":
                        trouble.append(e)
                except Exception as e:
                    trouble.append(e)

        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for t in threads:
            t.start()
        for i in range(40):
            self.daemon.reload(TWO + f"queues={i % 3}\n")
        over.set()
        for t in threads:
            t.join()
        self.assertEqual(trouble, [])


class HostFlows(Case):
    def listen(self, queue, port, address="127.0.0.1"):
        ip = socket.inet_pton(socket.AF_INET, address) + bytes(12)
        flags = constants["MSG_FLOW_LISTEN"] | constants["MSG_FLOW_RECEIVE_ONLY"]
        reply, fds = queue.connection.request(
            "FLOW_HOST", queue_id=queue.id, flags=flags,
            local={"family": 4, "port": port, "ip": ip})
        self.assertEqual(fds, [])
        return reply["local"]["port"]

    def connect(self, queue, port, flags, address="127.0.0.1"):
        ip = socket.inet_pton(socket.AF_INET, address) + bytes(12)
        return queue.connection.request("FLOW_HOST", queue_id=queue.id, flags=flags,
                                        remote={"family": 4, "port": port, "ip": ip})

    def test_receive_only_keeps_to_the_lists(self):
        only = constants["MSG_FLOW_RECEIVE_ONLY"]
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for s in servers:
            self.addCleanup(s.close)
        port, other = [s.getsockname()[1] for s in servers]
        daemon = Daemon(self, "[class default]\nhost-flows=receive-only\nlocal=127.0.0.1:0-65535\n"
                              f"remote=127.0.0.1:{port} 127.0.0.2\n")
        connection = daemon.connect(self)
        queue = client.Queue(connection, client.Area(connection, 1 << 18))
        self.refused("HOST_DENIED", self.connect, queue, port, 0)
        self.refused("HOST_DENIED", self.connect, queue, other, only)
        self.connect(queue, port, only)
        self.refused("HOST_DENIED", self.listen, queue, 0, "0.0.0.0")
        at = self.listen(queue, 0)
        # One from where the list says, one from elsewhere: that is reset, and nobody hears of it.
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.3", 0))
            stranger.connect(("127.0.0.1", at))
            stranger.settimeout(world.PATIENCE)
            with self.assertRaises(ConnectionResetError):
                stranger.recv(1)
        with socket.socket() as friend:
            friend.bind(("127.0.0.2", 0))
            friend.connect(("127.0.0.1", at))
            found = world.eventually(lambda: [f for what, f, *_ in queue.reap() if what == "open"])
            self.assertEqual(len(found), 1)
            self.assertEqual(found[0].remote["ip"][:4], bytes((127, 0, 0, 2)))

    def silent(self):
        """The port of somebody whose backlog is full: further connections are not answered."""
        server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(server.close)
        for _ in range(4):
            waiting = socket.socket()
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        return server.getsockname()[1]

    def test_a_queue_that_closes_waits_for_no_peer(self):
        daemon = Daemon(self, "[class default]\nhost-flows=yes\n")
        connection = daemon.connect(self)
        queue = client.Queue(connection, client.Area(connection, 1 << 18))
        port, said = self.silent(), []

        def ask():
            try:
                self.connect(queue, port, 0)
            except client.Refused as e:
                said.append(e.reason)

        def connecting():
            with open("/proc/net/tcp", encoding="ascii") as f:
                # SYN_SENT: the last ones are of this test, and zcrxd's.
                return len(re.findall(rf":{port:04X} 02 ", f.read()))

        world.eventually(connecting)
        before = connecting()
        thread = threading.Thread(target=ask)
        thread.start()
        world.eventually(lambda: connecting() > before)
        queue.channel.shutdown(socket.SHUT_RDWR)
        thread.join(world.PATIENCE)
        self.assertEqual(said, ["NO_OBJECT"])

    def test_a_reload_gives_it_to_clients_that_are_there(self):
        daemon = Daemon(self)
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection = daemon.connect(self)
            queue = client.Queue(connection, client.Area(connection, 1 << 18))
            port = server.getsockname()[1]
            self.refused("HOST_DENIED", self.connect, queue, port, 0)
            daemon.reload("[class default]\nhost-flows=yes\n")
            reply, (fd,) = self.connect(queue, port, 0)
            with socket.socket(fileno=fd), server.accept()[0] as peer:
                self.assertEqual(peer.getpeername()[1], reply["local"]["port"])

    def test_without_it_nobody_gets_any(self):
        daemon = Daemon(self)
        connection = daemon.connect(self)
        queue = client.Queue(connection, client.Area(connection, 1 << 18))
        for flags in (0, constants["MSG_FLOW_RECEIVE_ONLY"]):
            self.refused("HOST_DENIED", self.connect, queue, 1, flags)


world.main()
