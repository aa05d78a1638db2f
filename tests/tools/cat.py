#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrx-cat against a real zcrxd."""
import ctypes
import fcntl
import hashlib
import json
import os
import random
import re
import signal
import socket
import struct
import threading
import time
import tty

import world
from world import CAT, Server

F_ADD_SEALS, F_SEAL_SHRINK, F_SEAL_GROW = 1033, 2, 4
# Neither a divisor of any buffer nor of a page.
DATA = random.Random(1).randbytes((5 << 20) + 12345)
HASH = hashlib.sha256(DATA).hexdigest()


def send_to(port, data, host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=world.PATIENCE) as s:
        s.sendall(data)


class Receives(world.DaemonCase):
    def test_listens_and_writes_the_very_bytes_to_a_file(self):
        tool = self.start(CAT, "-v", "--json", "--sha256", "-o", self.path("out"), "-l",
                          "127.0.0.1", "0")
        send_to(tool.port(), DATA)
        status, out, _ = tool.end()
        self.assertEqual(status, 0)
        with open(self.path("out"), "rb") as f:
            self.assertEqual(f.read(), DATA)
        report = json.loads(out)
        self.assertEqual(report["bytes"], len(DATA))
        self.assertEqual(report["sha256"], HASH)
        self.assertEqual(report["backend"], "copy")
        self.assertEqual(report["bytes_copied"], len(DATA))
        self.assertEqual(report["zero_copy_ratio"], 0.0)
        self.assertEqual(report["streams"], 1)
        self.assertIsNone(report["error"])
        self.assertGreater(report["seconds"], 0)
        self.assertGreater(report["completions"], 0)

    def test_connects_and_writes_to_stdout_with_the_report_on_stderr(self):
        server = Server(self)
        tool = self.start(CAT, "--sha256", "127.0.0.1", server.port)
        peer = server.accept()
        # The pipe to stdout is small: read it while sending.
        peer.settimeout(None)
        if os.fork() == 0:
            peer.sendall(DATA)
            os._exit(0)
        peer.close()
        status, out, err = tool.end()
        self.assertEqual(os.wait()[1], 0)
        self.assertEqual(status, 0)
        self.assertEqual(out, DATA)
        self.assertRegex(err, rf"^received {len(DATA)} bytes in [\d.]+ s, [\d.]+ MB/s, "
                              r"backend copy, 0\.0 % zero copy\n"
                              rf"sha256 {HASH}\n$")

    def test_receives_over_ipv6(self):
        try:
            Server(self, socket.AF_INET6)
        except OSError:
            self.skipTest("this machine has no ::1")
        tool = self.start(CAT, "-v", "--discard", "--sha256", "-l", "::1", "0")
        send_to(tool.port(), DATA, "::1")
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        self.assertIn(HASH.encode(), out)
        self.assertIn("connection from ::1 port ", err)

    def test_an_empty_stream_is_no_failure(self):
        tool = self.start(CAT, "-v", "--sha256", "--json", "--discard", "-l", "0")
        send_to(tool.port(), b"")
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(out)["sha256"], hashlib.sha256().hexdigest())

    def test_stops_after_the_bytes_asked_for(self):
        server = Server(self)
        tool = self.start(CAT, "-n", "100001", "--json", "-o", self.path("out"), "127.0.0.1",
                          server.port)
        peer = server.accept()
        peer.send(DATA[:150000])
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(out)["bytes"], 100001)
        with open(self.path("out"), "rb") as f:
            self.assertEqual(f.read(), DATA[:100001])

    def test_stops_after_the_seconds_asked_for(self):
        server = Server(self)
        begin = time.monotonic()
        tool = self.start(CAT, "-t", "2", "--json", "--discard", "127.0.0.1", server.port)
        server.accept().send(b"some")
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        self.assertGreaterEqual(time.monotonic() - begin, 2)
        self.assertEqual(json.loads(out)["bytes"], 4)

    def test_says_when_nobody_connected_in_time(self):
        result = self.run_tool(CAT, "-t", "1", "--discard", "-l", "127.0.0.1", "0")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"nobody connected within 1 s", result.stderr)
        self.assertEqual(result.stdout, b"")

    def test_keeps_listening_until_a_signal(self):
        for number, name in ((signal.SIGTERM, "a"), (signal.SIGINT, "b")):
            tool = self.start(CAT, "-v", "-k", "--json", "--sha256", "-o", self.path(name),
                              "127.0.0.1", "0")
            for part in DATA[:100000], DATA[100000:300000], DATA[300000:300001]:
                send_to(tool.port(), part)
            eventually_size(self.path(name), 300001)
            tool.process.send_signal(number)
            status, out, err = tool.end()
            self.assertEqual(status, 128 + number, err)
            report = json.loads(out)
            self.assertEqual(report["streams"], 3)
            self.assertEqual(report["error"], f"interrupted by {number.name}")
            self.assertEqual(report["sha256"], hashlib.sha256(DATA[:300001]).hexdigest())

    def test_a_signal_before_the_end_of_the_stream_is_told(self):
        for number in signal.SIGTERM, signal.SIGINT:
            server = Server(self)
            tool = self.start(CAT, "--json", "-o", self.path("part"), "127.0.0.1", server.port)
            server.accept().send(b"some")
            eventually_size(self.path("part"), 4)
            tool.process.send_signal(number)
            status, out, err = tool.end()
            self.assertEqual(status, 128 + number, err)
            self.assertEqual(err, f"zcrx-cat: interrupted by {number.name}\n")
            self.assertEqual(json.loads(out)["error"], f"interrupted by {number.name}")
            os.unlink(self.path("part"))

    def test_a_signal_before_anybody_connected_is_told(self):
        tool = self.start(CAT, "-v", "--discard", "-l", "127.0.0.1", "0")
        tool.port()
        tool.process.terminate()
        status, _, err = tool.end()
        self.assertEqual(status, 143, err)
        self.assertIn("interrupted by SIGTERM", err)

    def test_keeps_listening_after_peers_that_vanish(self):
        tool = self.start(CAT, "-v", "-k", "-o", self.path("out"), "127.0.0.1", "0")
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", tool.port())) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        send_to(tool.port(), DATA)
        eventually_size(self.path("out"), len(DATA))
        tool.process.terminate()
        tool.end()
        with open(self.path("out"), "rb") as f:
            self.assertEqual(f.read(), DATA)

    def test_verbose_shows_a_rate_each_second(self):
        server = Server(self)
        tool = self.start(CAT, "-v", "--discard", "127.0.0.1", server.port)
        peer = server.accept()
        for _ in range(5):
            peer.sendall(DATA)
            time.sleep(0.5)
        peer.close()
        status, _, err = tool.end()
        self.assertEqual(status, 0)
        self.assertRegex(err, r"connected to 127\.0\.0\.1 port ")
        self.assertRegex(err, r"no zero copy: \w")
        self.assertRegex(err, r"(?m)^ *[1-9][\d.]+ MB/s +0\.0 % zero copy +[1-9]\d* bytes$")


def eventually_size(path, size):
    world.eventually(lambda: os.path.exists(path) and os.path.getsize(path) >= size)


class WritesTo(world.DaemonCase):
    """Sinks whose reader can be slow, and can keep a write() waiting for ever."""

    def fifo(self):
        """A named pipe that somebody has open for reading. Returns its path and that descriptor."""
        os.mkfifo(self.path("fifo"))
        fd = os.open(self.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        return self.path("fifo"), fd

    def terminal(self):
        """A terminal that changes nothing of what is written to it. Returns its path and who shows it."""
        shows, terminal = os.openpty()
        self.addCleanup(os.close, shows)
        self.addCleanup(os.close, terminal)
        tty.setraw(terminal)
        os.set_blocking(shows, False)
        return os.ttyname(terminal), shows

    def opened(self, path):
        """For stdout."""
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        return fd

    def sends(self, *options, **more):
        server = Server(self)
        tool = self.start(CAT, *options, "127.0.0.1", server.port, **more)
        peer = server.accept()
        sender = threading.Thread(target=self.send, args=(peer,))
        sender.start()
        self.addCleanup(sender.join)
        return tool

    @staticmethod
    def send(peer):
        with peer:
            try:
                peer.sendall(DATA)
            except OSError:  # it has ended before it read all
                pass

    def comes_out(self, tool, fd):
        """Everything is read, in small parts with pauses."""
        got = bytearray()
        deadline = time.monotonic() + world.PATIENCE
        while len(got) < len(DATA) and time.monotonic() < deadline:
            try:
                part = os.read(fd, 100_000)
            except OSError:  # nothing is there; or, of a terminal: it has been closed
                part = b""
            if not part and tool.process.poll() is not None:
                break
            if not part:
                time.sleep(0.002)
            got += part
        self.assertEqual(tool.end()[0], 0, tool.said())
        self.assertTrue(bytes(got) == DATA, f"{len(got)} bytes")

    def test_a_named_pipe(self):
        path, fd = self.fifo()
        self.comes_out(self.sends("-o", path), fd)

    def test_a_named_pipe_as_stdout(self):
        path, fd = self.fifo()
        self.comes_out(self.sends(stdout=self.opened(path)), fd)

    def test_a_pipe_by_its_path(self):
        tool = self.sends("-o", "/dev/stdout", "--json")
        self.assertTrue(tool.process.stdout.read().startswith(DATA[:1000]), tool.said())
        self.assertEqual(tool.process.wait(world.PATIENCE), 0)

    def test_a_terminal(self):
        path, shows = self.terminal()
        self.comes_out(self.sends("-o", path), shows)

    def test_a_socket(self):
        ours, its = socket.socketpair()
        with ours, its:
            ours.setblocking(False)
            self.comes_out(self.sends(stdout=its), ours.fileno())

    def test_devices(self):
        for path, status, words in ("/dev/null", 0, ""), ("/dev/full", 1, "No space left on device"):
            for options, more in (["-o", path], {}), ([], {"stdout": self.opened(path)}):
                tool = self.sends(*options, **more)
                self.assertEqual(tool.end()[0], status)
                self.assertIn(words, tool.said())

    def test_nobody_reads_and_it_ends_all_the_same(self):
        """By a signal, and when its time is over."""
        for make in self.fifo, self.terminal:
            path, _ = make()
            tool = self.sends("-v", "-o", path)
            tool.err("connected to")
            world.eventually(lambda: self.waits(tool))
            tool.process.terminate()
            self.assertEqual(tool.end()[0], 143, tool.said())
            tool = self.sends("-t", "1", "-o", path)
            self.assertEqual(tool.end()[0], 0, tool.said())

    @staticmethod
    def waits(tool):
        """It has written all that it can: it does nothing for a while."""
        def turns():
            with open(f"/proc/{tool.process.pid}/status", encoding="ascii") as f:
                return re.search(r"^voluntary_ctxt_switches:\s*(\d+)$", f.read(), re.M)[1]
        before = turns()
        time.sleep(0.5)
        return turns() == before


class Memory(world.DaemonCase):
    def memfd(self, seals):
        fd = os.memfd_create("area", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, fd)
        os.ftruncate(fd, 1 << 20)
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
        return fd

    def test_receives_into_an_area_of_the_size_asked_for(self):
        server = Server(self)
        tool = self.start(CAT, "--json", "--sha256", "--discard", "-m", "memfd:256K", "127.0.0.1",
                          server.port)
        with server.accept() as peer:
            peer.sendall(DATA)
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        report = json.loads(out)
        self.assertEqual(report["sha256"], HASH)
        self.assertLessEqual(report["buffer_bytes"], 32 << 10)

    def test_receives_into_an_inherited_memfd(self):
        fd, server = self.memfd(F_SEAL_SHRINK | F_SEAL_GROW), Server(self)
        tool = self.start(CAT, "--sha256", "--discard", "-m", f"fd:{fd}", "127.0.0.1", server.port,
                          pass_fds=[fd])
        with server.accept() as peer:
            peer.sendall(DATA)
        status, out, err = tool.end()
        self.assertEqual(status, 0, err)
        self.assertIn(HASH.encode(), out)
        self.assertNotEqual(os.pread(fd, 1 << 20, 0), bytes(1 << 20))

    def test_a_memfd_without_seals_is_refused(self):
        fd = self.memfd(0)
        result = self.run_tool(CAT, "--discard", "-m", f"fd:{fd}", "127.0.0.1", "9", pass_fds=[fd])
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"F_SEAL_SHRINK", result.stderr)

    def test_memory_that_does_not_exist_is_wrong_usage(self):
        for kind in ("", "hbm", "memfd:", "memfd:x", "memfd:0", "memfd:1M:1M", "udmabuf:x", "dma-heap",
                     "dma-heap:", "dma-heap:system:", "dma-heap:system:1x", "dma-heap:" + "x" * 40,
                     "drm", "drm:card0", "drm:0:0", "cuda:x", "cuda:0:1M:", "fd", "fd:", "fd:1:1M",
                     "fd:99999999999"):
            result = self.run_tool(CAT, "-m", kind, "127.0.0.1", "9")
            self.assertEqual(result.returncode, 2, kind)
            self.assertIn(f"cannot receive into {kind}: ".encode(), result.stderr)

    def refused(self, kind, words, **more):
        """What cannot be had is said in one sentence, and nothing is done."""
        out = self.path("out")
        result = self.run_tool(CAT, "-m", kind, "-o", out, "127.0.0.1", "9", **more)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertRegex(result.stderr.decode(), rf"^zcrx-cat: the memory: [A-Z/l].*{words}.*\.\n$")
        self.assertFalse(os.path.exists(out))

    def test_a_missing_udmabuf_is_explained(self):
        if os.path.exists("/dev/udmabuf"):
            self.skipTest("this machine has udmabuf")
        self.refused("udmabuf", "/dev/udmabuf: modprobe udmabuf")

    def test_a_missing_heap_or_card_is_explained(self):
        self.refused("dma-heap:no-such", "/dev/dma_heap/no-such: ls /dev/dma_heap")
        self.refused("drm:99", "/dev/dri/card99: ls /dev/dri")

    def test_a_missing_libcuda_is_explained(self):
        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            self.refused("cuda:0:1M", "libcuda.so.1: install")
        else:
            self.skipTest("this machine has libcuda")

    def test_what_cuda_refuses_is_explained(self):
        fake = {**self.environment, "LD_LIBRARY_PATH": os.path.join(world.BUILD, "tests/mem/cuda")}
        self.refused("cuda:7", "no such device", env=fake)
        self.refused("cuda:0", "no memory: out of memory", env={**fake, "FAKE_CUDA": "no-memory"})
        self.refused("cuda:0", "open kernel modules", env={**fake, "FAKE_CUDA": "no-dmabuf"})

    def test_a_descriptor_that_is_no_memory_is_explained(self):
        self.refused("fd:0", "neither a memfd nor a dma-buf")
        self.refused("fd:77", "no such file descriptor: 77")


class Fails(world.DaemonCase):
    def test_wrong_usage(self):
        for arguments in ([], ["host"], ["a", "b", "c"], ["-l"], ["-l", "a", "1", "x"],
                          ["--nonsense", "a", "1"], ["-b", "dpdk", "a", "1"], ["-n", "0", "a", "1"],
                          ["-n", "1x", "a", "1"], ["-n", "-1", "a", "1"], ["-t", "x", "a", "1"],
                          ["-n", "99999999999G", "a", "1"], ["-o", "x", "--discard", "a", "1"],
                          ["-i", "a-name-too-long-to-be", "a", "1"], ["-i", "", "a", "1"]):
            result = self.run_tool(CAT, *arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stdout, b"")
            self.assertIn(b"--help", result.stderr)

    def test_a_port_that_is_none_is_wrong_usage(self):
        for port in "70000", "65536", "99999999999999999999", "no-such-service", "-1", "+1", " 1", "1x", "":
            for arguments in ["-l", "--", port], ["--", "127.0.0.1", port]:
                result = self.run_tool(CAT, "-t", "1", "--discard", *arguments)
                self.assertEqual(result.returncode, 2, arguments)
                self.assertIn(f"zcrx-cat: {port} is no port: ".encode(), result.stderr)

    def test_help_and_version_need_nothing(self):
        result = self.run_tool(CAT, "--help", env={"ZCRX_SOCKET": "/nonexistent"})
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"usage: zcrx-cat", result.stdout)
        result = self.run_tool(CAT, "-lV")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, rb"^zcrx-cat \d+\.\d+\.\d+\n$")

    def test_without_a_daemon_nothing_is_touched(self):
        with open(self.path("out"), "w", encoding="ascii") as f:
            f.write("precious")
        for path in self.path("absent"), world.stale_socket(self.path("stale")), "/dev/null/sock":
            result = self.run_tool(CAT, "-o", self.path("out"), "-l", "0",
                                   env={**os.environ, "ZCRX_SOCKET": path})
            self.assertEqual(result.returncode, 4)
            self.assertIn(f"No zcrxd listens at {path}".encode(), result.stderr)
        with open(self.path("out"), encoding="ascii") as f:
            self.assertEqual(f.read(), "precious")

    def test_zero_copy_or_nothing_is_refused_here(self):
        for option in ["-Z"], ["-b", "zcrx"], ["-b", "devmem"]:
            result = self.run_tool(CAT, *option, "--discard", "127.0.0.1", "9")
            self.assertEqual(result.returncode, 3, option)
            self.assertRegex(result.stderr.decode(), r"^zcrx-cat: the queue: [A-Z].*\.\n$")

    def test_a_closed_port_and_an_unknown_name(self):
        unused = Server(self)
        unused.socket.close()
        result = self.run_tool(CAT, "--discard", "127.0.0.1", unused.port)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"Connection refused", result.stderr)
        result = self.run_tool(CAT, "--discard", "host.invalid", "80")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"host.invalid", result.stderr)

    def test_a_port_in_use(self):
        result = self.run_tool(CAT, "--discard", "-l", "127.0.0.1", Server(self).port)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"Address already in use", result.stderr)

    def test_a_reset_after_some_data(self):
        server = Server(self)
        tool = self.start(CAT, "--json", "-o", self.path("out"), "127.0.0.1", server.port)
        peer = server.accept()
        peer.sendall(b"before")
        eventually_size(self.path("out"), 6)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        status, out, err = tool.end()
        self.assertEqual(status, 1)
        self.assertIn("broke off", err)
        report = json.loads(out)
        self.assertEqual(report["bytes"], 6)
        self.assertIn("broke off", report["error"])

    def test_a_full_disk(self):
        server = Server(self)
        tool = self.start(CAT, "-o", "/dev/full", "127.0.0.1", server.port)
        server.accept().send(DATA)
        status, _, err = tool.end()
        self.assertEqual(status, 1)
        self.assertIn("No space left on device", err)

    def test_nowhere_to_write_the_report(self):
        for options, stream in ((["--discard"], "stdout"), (["--discard", "--json"], "stdout"),
                                (["-o", self.path("out")], "stdout"), ([], "stderr")):
            server = Server(self)
            with open("/dev/full", "wb") as full:
                tool = self.start(CAT, *options, "127.0.0.1", server.port, **{stream: full})
            with server.accept() as peer:
                peer.send(b"some")
            status, _, err = tool.end()
            self.assertEqual(status, 1, err)
            if stream == "stdout":
                self.assertEqual(err, "zcrx-cat: what is printed cannot be written: No space left on device\n")

    def test_nowhere_to_write_what_was_asked_for(self):
        for option in "--help", "--version":
            with open("/dev/full", "wb") as full:
                tool = self.start(CAT, option, stdout=full)
            status, _, err = tool.end()
            self.assertEqual((status, err), (1, "zcrx-cat: what is printed cannot be written: No space left on device\n"))

    def test_a_reader_that_goes_away(self):
        server = Server(self)
        tool = self.start(CAT, "127.0.0.1", server.port)
        peer = server.accept()
        peer.send(b"x")
        self.assertEqual(tool.process.stdout.read(1), b"x")
        tool.process.stdout.close()
        peer.send(b"y")
        self.assertEqual(tool.process.wait(world.PATIENCE), 1)
        self.assertIn("Broken pipe", tool.said())

    def test_a_signal_while_the_reader_does_not_read(self):
        server = Server(self)
        tool = self.start(CAT, "127.0.0.1", server.port)
        peer = server.accept()
        peer.settimeout(1)
        try:
            peer.sendall(DATA * 4)
        except TimeoutError:
            pass
        tool.process.terminate()
        self.assertEqual(tool.process.wait(world.PATIENCE), 143)
        self.assertIn("received ", tool.said())
        self.assertIn("interrupted by SIGTERM", tool.said())


    def test_an_interface_without_queues_is_told_of(self):
        for options, why in ([], r"\w.*"), (["-b", "copy"], "-b copy uses none."):
            result = self.run_tool(CAT, "-i", "nosuch", *options, "-t", "1", "--discard", "-l", "127.0.0.1", "0")
            self.assertRegex(result.stderr.decode(), rf"(?m)^zcrx-cat: no queue of nosuch is used, "
                                                     rf"the payload is copied: {why}$")


class IsRefused(world.Case):
    def refused(self, classes, sentence):
        daemon = world.Daemon(classes)
        self.addCleanup(daemon.stop)
        result = self.run_tool(CAT, "--discard", "-l", "127.0.0.1", "0", env=daemon.environment)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertRegex(result.stderr.decode(), rf"^zcrx-cat: {sentence}.*\n$")

    def test_as_a_user_that_has_enough_connections(self):
        self.refused("[class default]\nsessions=0\n", "Your user may have 0 connections, has 0 and asked for 1 more. Close one, or have sessions= of")


class LosesTheDaemon(world.Case):
    def listening(self, option):
        daemon = world.Daemon()
        self.environment = daemon.environment
        tool = self.start(CAT, "-v", option, "-o", self.path("out"), "127.0.0.1", "0")
        tool.port()
        return daemon, tool

    def test_while_it_waits_for_a_connection(self):
        for option in "-l", "-k":
            daemon, tool = self.listening(option)
            daemon.stop()
            status, _, err = tool.end()
            self.assertEqual(status, 4, err)
            self.assertIn("gave the queue up: zcrxd was told to end", err)

    def test_a_broker_that_is_killed_and_started_again_ends_nothing(self):
        daemon, tool = self.listening("-k")
        send_to(tool.port(), b"first")
        eventually_size(self.path("out"), 5)
        daemon.kill_broker()
        time.sleep(1)
        self.assertIsNone(tool.process.poll(), tool.said())
        send_to(tool.port(), b"then")
        eventually_size(self.path("out"), 9)
        daemon.stop()
        status, _, err = tool.end()
        self.assertEqual(status, 4, err)

    def test_between_two_connections(self):
        daemon, tool = self.listening("-k")
        send_to(tool.port(), b"first")
        eventually_size(self.path("out"), 5)
        daemon.stop()
        status, _, err = tool.end()
        self.assertEqual(status, 4, err)
        self.assertIn("gave the queue up", err)

    def test_its_pump_is_killed(self):
        server, daemon = Server(self), world.Daemon()
        self.environment = daemon.environment
        tool = self.start(CAT, "--json", "-o", self.path("out"), "127.0.0.1", server.port)
        peer = server.accept()
        peer.sendall(b"before")
        eventually_size(self.path("out"), 6)
        os.kill(self.document(daemon)["clients"][0]["pump"], signal.SIGKILL)
        status, out, err = tool.end()
        daemon.stop()
        self.assertEqual(status, 4, err)
        self.assertIn("gave the queue up: the zcrx-pump of this connection ended: zcrxd was stopped, or it was killed", err)
        self.assertEqual(json.loads(out)["bytes"], 6)

    @staticmethod
    def document(daemon):
        with socket.socket(socket.AF_UNIX) as status:
            status.connect(daemon.status)
            with status.makefile("rb") as f:
                return json.load(f)

    def received(self, daemon):
        """Bytes, as the status says."""
        clients = self.document(daemon)["clients"]
        return clients[0]["queues"][0]["bytes"] if clients and clients[0]["queues"] else 0

    def test_what_was_received_before_is_written_first(self):
        server, daemon = Server(self), world.Daemon()
        self.environment = daemon.environment
        tool = self.start(CAT, "127.0.0.1", server.port)
        peer = server.accept()
        data = DATA * (16_000_000 // len(DATA))
        peer.sendall(data)
        world.eventually(lambda: self.received(daemon) == len(data))
        daemon.stop()  # nobody has read more than a pipe holds
        status, out, err = tool.end()
        self.assertEqual((status, len(out)), (4, len(data)), err)
        self.assertEqual(hashlib.sha256(out).digest(), hashlib.sha256(data).digest())
        self.assertIn("gave the queue up", err)


world.main()
