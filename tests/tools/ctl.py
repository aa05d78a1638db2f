#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxctl against a real zcrxd, and against things that are none."""
import json
import os
import re
import shutil
import signal
import socket
import threading

import world
from world import CAT, CTL, Server

SO_PASSRIGHTS = 83


class Status(world.DaemonCase):
    def status(self, *arguments):
        result = self.run_tool(CTL, "status", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def busy(self):
        """A zcrx-cat that has received 3 MiB and waits for more."""
        server = Server(self)
        self.tool = self.start(CAT, "-o", self.path("out"), "127.0.0.1", server.port)
        self.peer = server.accept()
        self.peer.sendall(bytes(3 << 20))
        world.eventually(lambda: '"bytes":3145728' in self.status("--json"))
        return server.port

    def rows(self, *arguments):
        """The table as a list of rows, cells being separated by two blanks or more."""
        return [re.split(r" {2,}", line.strip()) for line in self.status(*arguments).splitlines()]

    def test_of_an_idle_daemon(self):
        rows = self.rows()
        pid = self.daemon.process.pid
        self.assertRegex(rows[0][0], rf"^zcrxd \d+\.\d+\.\d+, pid {pid}, kernel ")
        self.assertEqual(rows[1:], [["no clients"]])
        self.assertEqual(self.rows("queues"), [["no queues"]])
        self.assertEqual(self.rows("flows"), [["no flows"]])

    def test_shows_clients_queues_and_flows(self):
        port = self.busy()
        rows = self.rows()
        self.assertEqual(len(rows), 3)
        client = dict(zip(rows[1], rows[2]))
        self.assertEqual(client["PID"], str(self.tool.process.pid))
        self.assertEqual(client["UID"], str(os.getuid()))
        self.assertEqual(client["QUEUES"], "1")
        self.assertEqual(client["FLOWS"], "1")
        self.assertEqual(client["RECEIVED"], "3.0 MiB")
        self.assertEqual(client["ZERO COPY"], "0.0 %")
        with open(f"/proc/{client['PUMP']}/comm", encoding="ascii") as f:
            self.assertEqual(f.read(), "zcrx-pump\n")
        self.assertRegex(client["CPU"], r"^\d+\.\d\d s$")
        self.assertRegex(client["MEMORY"], r" [KM]iB$")
        self.assertEqual(client["RESTARTS"], "0")
        rows = self.rows("queues")
        self.assertGreaterEqual(len(rows), 2)
        queue = dict(zip(rows[0], rows[1]))
        self.assertEqual(queue["BACKEND"], "copy")
        self.assertEqual(queue["AREA"], "64.0 MiB")
        self.assertEqual(queue["BUFFER"], "64.0 KiB")
        self.assertEqual(queue["RECEIVED"], "3.0 MiB")
        rows = self.rows("flows")
        self.assertEqual(len(rows), 2)
        flow = dict(zip(rows[0], rows[1]))
        self.assertEqual(flow["KIND"], "connected")
        self.assertIn(port, flow["REMOTE"])
        self.assertEqual(flow["RECEIVED"], "3.0 MiB")

    def test_the_document_itself(self):
        self.busy()
        document = json.loads(self.status("--json"))
        self.assertEqual(document["pid"], self.daemon.process.pid)
        queue = document["clients"][0]["queues"][0]
        self.assertEqual(queue["bytes"], 3 << 20)
        self.assertEqual(queue["flows"][0]["bytes"], 3 << 20)

    def test_watching_shows_rates(self):
        self.busy()
        watch = self.start(CTL, "status", "flows", "-w")
        lines = [watch.process.stdout.readline().decode() for _ in range(2)]
        self.assertRegex(lines[1], r" 3\.0 MiB +- ")
        self.peer.sendall(bytes(1 << 20))
        for _ in range(20):
            line = watch.process.stdout.readline().decode()
            if re.search(r" 4\.0 MiB +[\d.]+ KiB/s ", line):
                return
        self.fail("no rate was shown")

    def test_watching_as_documents(self):
        watch = self.start(CTL, "status", "-w", "--json")
        uptimes = [json.loads(watch.process.stdout.readline())["uptime_s"] for _ in range(3)]
        self.assertGreater(uptimes[2], uptimes[0])

    def test_the_socket_can_be_named(self):
        result = self.run_tool(CTL, "status", "--socket", self.daemon.status,
                               env={**os.environ, "ZCRX_STATUS": "/nonexistent"})
        self.assertEqual(result.returncode, 0)


class Doctor(world.Case):
    """What it says of the programs of an installation."""

    def said(self):
        text = self.run_tool(self.path("bin/zcrxctl"), "doctor", "--json", "lo").stdout
        return {f["subject"]: f for f in json.loads(text)["machine"]["findings"]}

    def install(self, folder, name, source):
        os.makedirs(self.path(folder), exist_ok=True)
        shutil.copy(os.path.join(world.BUILD, source, name), self.path(os.path.join(folder, name)))

    def test_programs(self):
        self.install("bin", "zcrxctl", "tools")
        self.assertNotIn("zcrx-pump", self.said())
        self.install("sbin", "zcrxd", "daemon")
        self.assertEqual(self.said()["zcrx-pump"]["value"], "missing")
        for name in "zcrx-pump", "zcrx-hand":
            self.install("libexec", name, "daemon")
            self.assertEqual(self.said()[name]["verdict"], "ok")
            for mode, verdict in (0o700, "FIX"), (0o777, "FIX"), (0o555, "ok"):
                os.chmod(self.path(f"libexec/{name}"), mode)
                found = self.said()[name]
                self.assertEqual((found["value"], found["verdict"]), (f"{mode:04o}", verdict))

    def test_a_configuration_that_cannot_be_read_is_an_error(self):
        with open(self.path("wrong"), "w", encoding="ascii") as f:
            f.write("[class default]\nflows=many\n")
        for name in "absent", "wrong":
            result = self.run_tool(CTL, "doctor", "-c", self.path(name), "lo")
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(self.path(name).encode(), result.stderr)
            self.assertEqual(result.stdout, b"")

    def test_kernel(self):
        self.install("bin", "zcrxctl", "tools")
        found = self.said()
        for subject in "Landlock", "ring restrictions", "SO_PASSRIGHTS", "pidfd_getfd", "Yama":
            self.assertIn(subject, found)
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
                verdict = "ok"
            except OSError:
                verdict = "hint"
        self.assertEqual(found["SO_PASSRIGHTS"]["verdict"], verdict)


class StatusOfAnother(world.Case):
    def fake(self, answer):
        """A status socket that says something else, once. Returns its path."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.path("fake"))
        server.listen()

        def serve():
            with server.accept()[0] as connection:
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return self.path("fake")

    def test_no_daemon(self):
        for path in self.path("absent"), world.stale_socket(self.path("stale")):
            result = self.run_tool(CTL, "status", env={**os.environ, "ZCRX_STATUS": path})
            self.assertEqual(result.returncode, 4)
            self.assertIn(f"no zcrxd listens on {path}".encode(), result.stderr)
            self.assertEqual(result.stdout, b"")

    def test_a_socket_of_another_type(self):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(server.close)
        server.bind(self.path("clients"))
        server.listen()
        for command in ["status"], ["policy", "show"], ["upgrade"]:
            result = self.run_tool(CTL, *command, "--socket", self.path("clients"))
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stderr.decode(), f"zcrxctl: {self.path('clients')} is no status socket of zcrxd "
                                                     "(its clients' socket?)\n")

    def test_something_else_answers(self):
        for answer in b"", b"hello\n", b"[1, 2]", b'{"version": "0.1.0", "cli':
            result = self.run_tool(CTL, "status", "--socket", self.fake(answer))
            self.assertEqual(result.returncode, 1, answer)
            self.assertIn(b"no status document", result.stderr)
            self.doCleanups()
            self.setUp()

    def test_copies_that_no_kernel_counts(self):
        """A daemon on Linux before 7.2 does not know; a flow that is not steered is copied, though."""
        flow = {"id": 1, "bytes": 10, "bytes_copied": None}
        queue = {"id": 1, "bytes": 20, "bytes_copied": None,
                 "flows": [flow, {**flow, "id": 2, "bytes_copied": 10}]}
        document = json.dumps({"clients": [{"id": 1, "queues": [queue]}]}).encode()
        for view, shares in ([], ["?"]), (["queues"], ["?"]), (["flows"], ["?", "0.0 %"]):
            result = self.run_tool(CTL, "status", *view, "--socket", self.fake(document))
            self.assertEqual(result.returncode, 0, result.stderr)
            shown = result.stdout.decode()
            self.assertEqual(re.findall(r"\?|[\d.]+ %", shown), shares, shown)
            self.doCleanups()
            self.setUp()

    def test_names_cannot_forge_the_table(self):
        client = {"id": 1, "pid": 2, "uid": 3, "name": "x\x1b[2J\ty\nz", "queues": []}
        path = self.fake(json.dumps({"version": "1", "clients": [client]}).encode())
        result = self.run_tool(CTL, "status", "--socket", path)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"x?[2J?y?z", result.stdout)
        self.assertEqual(len(result.stdout.splitlines()), 3)

    def test_nothing_is_told_to_the_terminal(self):
        """By whatever text of the document, in whatever form it is shown."""
        evil = "\x1b]0;x\x07\x9b2J\u202e\x7f\r"
        queue = {"id": 1, "backend": evil, "why_not": f"because {evil}", "flows": [
            {"id": 1, "kind": evil, "local": evil, "remote": evil, "state": evil, "why_copied": evil}]}
        document = {"version": evil, "kernel": evil, evil: evil,
                    "classes": [{"name": evil, "explanation": f"one {evil}\ntwo ü {evil}\n"}],
                    "clients": [{"id": 1, "pid": 2, "uid": 3, "name": evil, "queues": [queue]}]}
        for ascii_only in (True, False):
            text = json.dumps(document, ensure_ascii=ascii_only).encode()
            for command in (["status"], ["status", "queues"], ["status", "flows"], ["status", "--json"],
                            ["policy", "show"]):
                result = self.run_tool(CTL, *command, "--socket", self.fake(text))
                self.assertEqual(result.returncode, 0)
                said = result.stdout.decode("utf-8")
                self.assertNotRegex(said, r"[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]", command)
                self.assertTrue(said.count("\n") > 1 or command[-1] == "--json")
                self.setUp()
        self.assertIn("two ü ", said)

    def test_wrong_usage(self):
        for arguments in ([], ["nonsense"], ["status", "nonsense"], ["status", "flows", "queues"],
                          ["status", "--nonsense"]):
            result = self.run_tool(CTL, *arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stdout, b"")
            self.assertNotEqual(result.stderr, b"")


class Unwritten(world.DaemonCase):
    """Whoever reads the output of a program has to learn that something is missing of it."""

    def full(self, *command):
        with open("/dev/full", "wb") as full:
            return self.start(*command, stdout=full).end()

    def test_nowhere_to_write(self):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write("[class web]\nsocket=/srv/zcrx/web/zcrxd.sock\n")
        conf = ["-c", self.path("conf")]
        for failed, *command in ((1, "status"), (1, "status", "--json"), (1, "status", "-w"), (1, "status", "-w", "--json"),
                                 (1, "status", "--help"), (2, "doctor"), (2, "doctor", "--json"), (2, "doctor", "--help"),
                                 (2, "plan", "--help"), (2, "policy", "show"), (2, "policy", "test", *conf),
                                 (2, "policy", "test", *conf, "--backend", "copy"), (1, "restore", "--help"),
                                 (1, "upgrade", "--help"), (1, "cdi", *conf), (1, "version"), (1, "--version"),
                                 (1, "help"), (1, "--help")):
            status, _, err = self.full(CTL, *command)
            self.assertEqual((status, err), (failed, "zcrxctl: standard output: No space left on device\n"), command)

    def test_nowhere_to_write_what_zcrxd_prints(self):
        with open(self.path("conf"), "w", encoding="ascii"):
            pass
        for option in ["--help"], ["--version"], ["--check", "-c", self.path("conf")]:
            status, _, err = self.full(world.ZCRXD, *option)
            self.assertEqual((status, err), (1, "zcrxd: standard output: No space left on device\n"), option)

    def test_much_that_cannot_be_written_is_said_once(self):
        """More than a buffer, so that it fails before the end."""
        with open(self.path("conf"), "w", encoding="ascii") as f:
            for i in range(100):
                f.write(f"[class c{i}]\nsocket=/srv/zcrx/c{i}/zcrxd.sock\n")
        for name, *command in ("zcrxctl", CTL, "cdi"), ("zcrxd", world.ZCRXD, "--check"):
            status, _, err = self.full(*command, "-c", self.path("conf"))
            self.assertEqual((status, err), (1, f"{name}: standard output: No space left on device\n"))

    def test_a_reader_that_has_gone(self):
        """It ends by SIGPIPE, silently; with SIGPIPE ignored it says what happened."""
        for ignored, status, said in (False, -signal.SIGPIPE, ""), (True, 1, "zcrxctl: standard output: Broken pipe\n"):
            ours, its = os.pipe()
            os.close(ours)
            tool = self.start(CTL, "status", stdout=its, restore_signals=not ignored)
            os.close(its)
            self.assertEqual((tool.end()[0], tool.said()), (status, said))


class Others(world.Case):
    def test_a_journal_that_makes_no_sense_is_kept_aside(self):
        with open(self.path("nic-lo.json"), "w", encoding="ascii") as f:
            f.write('{"split":1000000000,"threshold":0,"ntuple":false,"rss":null,"queues":[0]}')
        result = self.run_tool(world.CTL, "restore", "--state", self.path("."))
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"lo: nothing was put back: the journal makes no sense", result.stderr)
        self.assertTrue(os.path.exists(self.path("nic-lo.json.1")))
        self.assertEqual(self.run_tool(world.CTL, "restore", "--state", self.path(".")).returncode, 0)

    def test_version_and_help(self):
        self.assertRegex(self.run_tool(CTL, "version").stdout, rb"^zcrxctl \d+\.\d+\.\d+\n$")
        for arguments in ["help"], ["--help"], ["status", "--help"], ["doctor", "--help"]:
            result = self.run_tool(CTL, *arguments)
            self.assertEqual(result.returncode, 0, arguments)
            self.assertIn(b"usage: zcrxctl", result.stdout)

    def test_a_plan_for_what_has_no_queues_says_so(self):
        plan = self.run_tool(CTL, "plan", "lo", "0")
        self.assertEqual((plan.returncode, plan.stdout), (1, b""))
        self.assertRegex(plan.stderr, rb"\Alo: driver loopback: loopback has no hardware queues -> name a physical NIC.*\n"
                                      rb"zcrxctl: zcrxd cannot lease queues of lo\n\Z")
        plan = self.run_tool(CTL, "plan", "nosuch", "0")
        self.assertEqual((plan.returncode, plan.stdout), (2, b""))
        self.assertEqual(plan.stderr, b"zcrxctl: there is no interface nosuch\n")

    def test_doctor(self):
        table = self.run_tool(CTL, "doctor")
        self.assertIn(table.returncode, (0, 1, 2), table.stderr)
        self.assertRegex(table.stdout, rb"(?m)^kernel ")
        document = self.run_tool(CTL, "doctor", "--json")
        self.assertEqual(document.returncode, table.returncode)
        self.assertIsInstance(json.loads(document.stdout), dict)

    def test_doctor_compares_watches_with_the_configuration(self):
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as f:
            watches = int(f.read())
        for users, verdict in (1, "ok"), (watches // 4 + 1, "hint"):
            with open(self.path("conf"), "w", encoding="ascii") as f:
                f.write(f"[class default]\nmost-users={users}\nareas=2\nqueues=0\n")
            said = self.run_tool(CTL, "doctor", "--json", "-c", self.path("conf"))
            found = [f for f in json.loads(said.stdout)["machine"]["findings"] if f["subject"] == "inotify watches"]
            self.assertEqual([(f["value"], f["verdict"]) for f in found], [(str(watches), verdict)])
        self.assertIn(f"fs.inotify.max_user_watches={4 * (watches // 4 + 1)}", found[0]["action"])
        said = self.run_tool(CTL, "doctor", "--json", "-c", self.path("missing"))
        self.assertEqual(said.stderr.decode(), f"zcrxctl: {self.path('missing')}: No such file or directory\n")
        self.assertEqual((said.returncode, said.stdout), (2, b""))

    def test_a_missing_configuration_is_told_under_the_program_s_name(self):
        path = self.path("missing")
        for status, name, *command in ((1, "zcrxctl", CTL, "cdi"), (2, "zcrxctl", CTL, "policy", "test"),
                                       (78, "zcrxd", world.ZCRXD, "--check")):
            said = self.run_tool(*command, "-c", path)
            self.assertEqual(said.returncode, status, command)
            self.assertEqual(said.stderr.decode(), f"{name}: {path}: No such file or directory\n")


world.main()
