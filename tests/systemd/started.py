#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The units as a systemd runs them that is the first process of its own little machine in the VM."""
import functools
import itertools
import os
import random
import shlex
import signal
import socket
import subprocess
import threading
import time

from guest import LOCAL, Failed, Skip, Tally, do, only_in_guest, rules_shown, until
from service import BUILD, CLIENT_UID, MANY, as_user, expect, finish, report, sender, wait_ready, zero_copy

MIB = 1 << 20
SOME = MIB // 4  # of each stream
SOCKET, STATUS, CONFIG = "/run/zcrxd/zcrxd.sock", "/run/zcrxd/status.sock", "etc/zcrxd/zcrxd.conf"
NIC = "[nic zc0]\nqueues=2-3\n"
OF_ALL = NIC + "[class default]\nnics=zc0\n"
WEB = "/run/zcrxd/web/zcrxd.sock"
OF_WEB = NIC + f"[class web]\nsocket={WEB}\nmode=0666\nnics=zc0\n"
KILLS = 3
BOTH = 1 << 12 | 1 << 14  # CAP_NET_ADMIN, CAP_IPC_LOCK
END = "end-of-command"
# What the service's cgroup may have, in a step: its pumps need less than a tenth.
MEMORY = 160 * MIB
ports = itertools.count(27000)


def settings():
    """Those of zc0 that zcrxd changes for a lease."""
    return [rules_shown(), *(do("ethtool", option, "zc0") for option in ("-x", "-k", "-g"))]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None  # it has just ended


class Machine:
    def __init__(self):
        self.settings = settings()
        if not os.access("/lib/systemd/systemd", os.X_OK):
            raise Skip("there is no systemd here: run scripts/deps")
        # The log is not in /tmp, because systemd cleans that when it starts.
        self.log = open("/dev/shm/boot.log", "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child",
             "tests/systemd/boot"], stdout=self.log, stderr=self.log,
            env={**os.environ, "ZCRX_BUILD_DIR": BUILD})
        self.pid = self.shell = None

    def booted(self):
        found = children(self.process.pid)
        self.pid = found[0] if found else None
        return self.pid and all(map(os.path.exists, map(self.file, (SOCKET, STATUS))))

    def boot(self):
        until("systemd has started our sockets", self.booted, 90)
        # It stays: in this machine it takes longer to enter the namespaces than most commands take.
        self.shell = subprocess.Popen(
            ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", "sh"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until("they are active", lambda: self.is_active("zcrxd.socket", "zcrxd-status.socket"))

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def run(self, *command, check=True):
        """A command's output, as do() gives it, but inside the machine."""
        self.shell.stdin.write(f"{shlex.join(command)} </dev/null; status=$?; echo; echo {END} $status\n")
        self.shell.stdin.flush()
        late = threading.Timer(60, self.shell.kill)
        late.start()
        said, line = "", " "
        while line and not line.startswith(END):
            line = self.shell.stdout.readline()
            said += line
        late.cancel()
        if not line:
            raise Failed(f"{' '.join(command)}: it did not end: {said.strip()}")
        said, status = said[:-len(line) - 1], int(line.split()[1])
        if check and status:
            raise Failed(f"{' '.join(command)}: status {status}: {said.strip()}")
        return said

    def systemctl(self, *arguments, check=True):
        return self.run("systemctl", *arguments, check=check)

    def is_active(self, *units):
        return self.systemctl("is-active", *units, check=False).split() == ["active"] * len(units)

    def show(self, *names):
        """These properties of the service."""
        said = self.systemctl("show", f"--property={','.join(names)}", "zcrxd.service")
        found = dict(line.split("=", 1) for line in said.splitlines())
        return [found[name] for name in names]

    def broker(self):
        """zcrxd's process id, as it is outside of the machine, or None. systemctl takes longer to say it than
        systemd takes to start a zcrxd."""
        return next((pid for pid in children(self.pid) if name_of(pid) == "zcrxd"), None)

    def kill_broker(self):
        """By SIGKILL; systemd starts the next one."""
        before = self.broker()
        os.kill(int(before), signal.SIGKILL)
        until("it was started again", lambda: self.broker() not in (before, None))

    def status(self):
        """What the kernel says of zcrxd."""
        with open(f"/proc/{self.broker()}/status", encoding="ascii") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    @functools.cached_property
    def group(self):
        return self.run("getent", "group", "zcrxd").split(":")[2]

    def journal(self):
        return self.run("journalctl", "--no-pager", "--unit=zcrxd.service", check=False)

    def file(self, name):
        """From outside."""
        return f"/proc/{self.pid}/root/{name}"

    def configure(self, content, name=CONFIG):
        with open(self.file(name), "w", encoding="ascii") as f:
            f.write(content)

    def end(self):
        for process in self.shell, self.process:
            if process:
                process.kill()
                process.wait()


# Line by line a path to connect to; with HELLO it would be a client, here it need only be let in.
CONNECTS = """
import socket, sys
for line in sys.stdin:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        try:
            s.settimeout(30)
            s.connect(line.strip())
            s.send(bytes(16))
            print(len(s.recv(4096)) > 0, flush=True)
        except OSError as e:
            print(e, flush=True)
"""


class Mounted:
    """A process that has a folder of the machine's mounted elsewhere, as a container has it."""

    def __init__(self, machine, folder):
        self.process = subprocess.Popen(
            ["nsenter", f"--target={machine.pid}", "--mount", "--pid", "--cgroup", "unshare", "--mount",
             "sh", "-c", 'mount --bind "$1" /mnt && exec python3 -u -c "$0"', CONNECTS, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def expect(self, what, name="zcrxd.sock"):
        self.process.stdin.write(f"/mnt/{name}\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        expect(f"a container is answered {what}", said == "True", said)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def start_client(machine, path, port, size, *options):
    """A member of the group zcrxd, without any privilege, with four flows; it is ready."""
    user = [a for a in as_user(CLIENT_UID) if a != "--clear-groups"]
    client = subprocess.Popen(
        [*user, f"--groups={machine.group}", "scripts/lib/no-io-uring", MANY, "receive", "listen", LOCAL[4],
         str(port), "4", str(size), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "ZCRX_SOCKET": path})
    wait_ready(client)
    return client


def receive(machine, path=SOCKET):
    """By zero copy if that can be."""
    port = next(ports)
    client = start_client(machine, path, port, SOME)
    send = sender("connect", LOCAL[4], port, 4, SOME)
    got = report(client)
    finish(send)
    return got


def socket_activation(machine):
    expect("nobody needed it yet", not machine.is_active("zcrxd.service"), "")
    zero_copy(receive(machine))
    expect("now it runs", machine.is_active("zcrxd.service"), "")


def confined(machine):
    status = machine.status()
    uid = machine.run("id", "-u", "zcrxd").strip()
    watchdog, = machine.show("WatchdogUSec")
    expect("a user of its own", status["Uid"].split() == [uid] * 4, status["Uid"])
    expect("two capabilities", all(int(status[c], 16) == BOTH for c in ("CapEff", "CapPrm", "CapBnd")), status)
    expect("system calls are filtered", status["Seccomp"] == "2", status["Seccomp"])
    expect("no new privileges", status["NoNewPrivs"] == "1", status["NoNewPrivs"])
    expect("it is watched", watchdog == "30s", watchdog)


def killed(machine):
    """systemd starts it again, and its socket was there all the time."""
    inode = os.stat(machine.file(SOCKET)).st_ino
    machine.kill_broker()
    zero_copy(receive(machine))
    told = machine.show("NRestarts", "ActiveState")
    expect("systemd started it again", told == ["1", "active"], told)
    expect("the same socket", os.stat(machine.file(SOCKET)).st_ino == inode, "")


class Endless:
    """Four streams of one client, for as long as they are let."""

    def __init__(self, machine):
        port = next(ports)
        self.client = start_client(machine, SOCKET, port, 1 << 40, "open-ended")
        self.send = sender("connect", LOCAL[4], port, 4, 1 << 40, "open-ended", "rate=100000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.client, self.send:
            process.kill()
            process.wait(10)

    def go_on(self):
        for process in self.client, self.send:
            expect("the streams go on", process.poll() is None, process.poll())

    def end(self):
        self.go_on()
        self.send.stdin.close()
        self.send.stdin = None
        sent, got = report(self.send)["bytes"], report(self.client)
        expect(f"all {sent} bytes", got["bytes"] == sent, got)
        return got

    def lost(self):
        """Its client was told."""
        expect("its client ends", self.client.wait(60) == 1, "")
        words = self.client.stderr.read()
        expect("its queue is lost", "the queue is lost" in words, words)


def rules():
    return rules_shown().count("Filter:")


def streams_outlive(machine):
    """SIGKILL ends no stream; systemctl ends all of them, and the NIC is as it was."""
    with Endless(machine) as streams:
        until("there is a rule", lambda: rules() == 1)
        for _ in range(KILLS):
            time.sleep(random.random())
            machine.kill_broker()
            streams.go_on()
            expect("the rule stands", rules() > 0, rules())
            zero_copy(receive(machine))  # there are two queues, one for whoever comes
        got = streams.end()
        zero_copy(got)
        print(f"the longest stall: {got['stall_ns'] / 1e6:.0f} ms", flush=True)
    for how in "stop", "restart":
        with Endless(machine) as streams:
            until("there is a rule", lambda: rules() == 1)
            machine.kill_broker()
            until("systemd says so", lambda: machine.is_active("zcrxd.service"))
            machine.systemctl(how, "zcrxd.service")
            streams.lost()
            until(f"zc0 is as it was after {how}", lambda: settings() == machine.settings)


# Takes memory in the group of processes that it is told, until there is none.
TAKES = """
import os, sys
with open(f"/sys/fs/cgroup{sys.argv[1]}/cgroup.procs", "w", encoding="ascii") as f:
    f.write(str(os.getpid()))
taken = []
while True:
    taken.append(bytearray(b"1") * (1 << 20))
"""


def short_of_memory(machine):
    """The kernel ends a process of the service's group because its memory is used up: systemd leaves the others
    alone (OOMPolicy=continue), as when that process was a pump."""
    pid, (group,) = machine.broker(), machine.show("ControlGroup")
    with Endless(machine) as streams:
        until("there is a rule", lambda: rules() == 1)
        machine.systemctl("set-property", "--runtime", "zcrxd.service", f"MemoryMax={MEMORY}")
        said = machine.run("sh", "-c", 'python3 -c "$0" "$1"; echo "status $?"', TAKES, group)
        expect("the kernel ended it", "status 137" in said, said)
        machine.show("ActiveState")  # systemd takes what the kernel tells of the group before it answers
        zero_copy(receive(machine))
        zero_copy(streams.end())
    expect("zcrxd runs on", machine.broker() == pid, (machine.broker(), pid))
    told = machine.show("ActiveState", "Result")
    expect("its service, too", told == ["active", "success"], told)
    machine.systemctl("set-property", "--runtime", "zcrxd.service", "MemoryMax=infinity")


def install(machine, version):
    """A folder of the build tree."""
    for name, to in ("zcrxd", "sbin"), ("zcrx-pump", "libexec"), ("zcrx-hand", "libexec"):
        machine.run("cp", "--remove-destination", f"{BUILD}/{version}/{name}", f"/usr/local/{to}/{name}")


def upgraded(machine):
    """In place, to another version and back: the unit stays what it is, and its watchdog is fed."""
    def fed():
        return int(*machine.show("WatchdogTimestampMonotonic"))

    def life():
        return machine.show("MainPID", "NRestarts", "ActiveEnterTimestampMonotonic")

    def zcrxctl():
        return machine.run(f"{BUILD}/tools/zcrxctl", "upgrade", check=False)

    before = life()
    with Endless(machine) as streams:
        until("there is a rule", lambda: rules() == 1)
        for version, said in ("tests/hostile/next", "became zcrxd next"), ("daemon", "zcrxd next became"):
            install(machine, version)
            words = zcrxctl()
            expect("it says what came of it", said in words, words)
            streams.go_on()
            zero_copy(receive(machine))
        at = fed()
        machine.configure("nonsense\n")
        words = zcrxctl()
        machine.configure(OF_ALL)
        expect("or why nothing did", "goes on" in words and "status 78" in words, words)
        state = machine.show("ActiveState", "SubState")
        expect("the unit is not reloading for ever", state == ["active", "running"], state)
        until("the watchdog is fed", lambda: fed() > at)
        zero_copy(streams.end())
    after = life()
    expect("the same process, not restarted", after == before, (before, after))


def mistaken(machine):
    """With a mistake in its configuration it is not started for ever."""
    machine.systemctl("stop", "zcrxd.service")
    machine.configure("nonsense\n")
    machine.systemctl("start", "zcrxd.service", check=False)
    until("it has failed", lambda: machine.show("ActiveState") == ["failed"])
    time.sleep(1)  # ten times RestartSec
    told = machine.show("ActiveState", "ExecMainStatus", "NRestarts")
    expect("and is left alone", told == ["failed", str(os.EX_CONFIG), "0"], told)
    machine.configure(OF_ALL)
    machine.systemctl("start", "zcrxd.service")
    zero_copy(receive(machine))


def reloaded(machine):
    pid = machine.broker()
    machine.configure(OF_WEB)
    machine.systemctl("reload", "zcrxd.service")
    until("the class has its socket", lambda: os.path.exists(machine.file(WEB)))
    zero_copy(receive(machine, WEB))
    got = receive(machine)
    expect("others copy now", got["backend"] == 1 and "may not lease" in got["why_not"], got)
    machine.configure("nonsense\n")
    machine.systemctl("reload", "zcrxd.service")
    zero_copy(receive(machine, WEB))
    machine.configure(OF_ALL)
    machine.systemctl("reload", "zcrxd.service")
    until("the socket went with its class", lambda: not os.path.exists(machine.file(WEB)))
    zero_copy(receive(machine))
    expect("all of it the same process", machine.broker() == pid, (machine.broker(), pid))


def class_socket(machine):
    """A class whose socket is a unit of the template."""
    machine.configure(OF_WEB)
    machine.systemctl("stop", "zcrxd.service")
    machine.systemctl("start", "zcrxd@web.socket")
    inode = os.stat(machine.file(WEB)).st_ino
    zero_copy(receive(machine, WEB))
    machine.systemctl("restart", "zcrxd.service")
    zero_copy(receive(machine, WEB))
    expect("it is systemd's", os.stat(machine.file(WEB)).st_ino == inode, "")
    container = Mounted(machine, os.path.dirname(WEB))
    container.expect("first")
    # systemd refuses to start it while zcrxd runs; clients of all classes notice nothing.
    pid = machine.broker()
    machine.systemctl("restart", "zcrxd@web.socket", check=False)
    container.expect("after a restart of the socket")
    zero_copy(receive(machine, WEB))
    expect("zcrxd ran on", machine.broker() == pid, (machine.broker(), pid))
    # Without the unit zcrxd makes the socket itself.
    machine.systemctl("restart", "zcrxd.service")
    container.expect("though the unit has failed")
    machine.systemctl("stop", "zcrxd.service")
    machine.systemctl("restart", "zcrxd@web.socket")
    container.expect("by a new socket")
    zero_copy(receive(machine, WEB))
    container.end()


def class_removed(machine):
    """Its socket unit is still there: the others are served, who connects there is told."""
    machine.configure(OF_ALL)
    machine.systemctl("restart", "zcrxd.service")
    zero_copy(receive(machine))
    said = machine.journal()
    expect("it is said", "has no such class with a socket" in said.replace("\n", " "), said)
    expect("the class's clients are refused", "does not allow this" in refusal(machine, WEB), refusal(machine, WEB))
    machine.systemctl("stop", "zcrxd@web.socket")
    machine.systemctl("restart", "zcrxd.service")
    zero_copy(receive(machine))


def refusal(machine, path):
    """What a client is told that says nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(30)
        s.connect(machine.file(path))
        return s.recv(4096).decode("latin-1")


def sockets_restarted(machine):
    """Whatever is restarted, in whatever order: somebody listens, also where the folder is mounted."""
    container = Mounted(machine, os.path.dirname(SOCKET))
    container.expect("first")
    for names in (("restart", "zcrxd.service"), ("restart", "zcrxd.socket"), ("restart", "zcrxd-status.socket"),
                  ("stop", "zcrxd.service"), ("restart", "zcrxd.socket"),
                  ("restart", "zcrxd.socket", "zcrxd-status.socket", "zcrxd.service")):
        machine.systemctl(*names)
        container.expect("after systemctl " + " ".join(names))
        zero_copy(receive(machine))
        expect("all of it runs", machine.is_active("zcrxd.socket", "zcrxd-status.socket", "zcrxd.service"), names)
    machine.systemctl("stop", "zcrxd.socket")
    expect("it went with its socket", not machine.is_active("zcrxd.service"), "")
    machine.systemctl("start", "zcrxd.socket", "zcrxd-status.socket")
    container.expect("after a stop of the socket")
    container.end()


def stopped(machine):
    machine.systemctl("stop", "zcrxd.service", "zcrxd.socket", "zcrxd-status.socket")
    result, = machine.show("Result")
    expect("it ended well", result == "success", result)
    expect("the sockets are gone", not os.path.exists(machine.file(SOCKET)), "")
    expect("zc0 is as it was", settings() == machine.settings, (settings(), machine.settings))
    machine.systemctl("start", "zcrxd.socket", "zcrxd-status.socket")


def no_nic(machine):
    """Without a NIC in its configuration it gives all privileges away, and copies."""
    machine.systemctl("stop", "zcrxd.service")
    machine.configure("")
    got = receive(machine)
    expect("it copies", got["backend"] == 1, got)
    status = machine.status()
    expect("no capabilities", all(int(status[c], 16) == 0 for c in ("CapEff", "CapPrm", "CapInh", "CapAmb")), status)


def main():
    only_in_guest()
    tally = Tally()
    machine = Machine()
    try:
        tally.run("systemd boots", machine.boot)
        if not tally.failed:
            for step in (socket_activation, confined, killed, streams_outlive, short_of_memory, upgraded, mistaken, reloaded,
                         class_socket, class_removed, sockets_restarted, stopped, no_nic):
                tally.run(step.__name__.replace("_", " "), step, machine)
        if tally.failed:
            print(machine.said(), machine.journal() if machine.shell else "")
    finally:
        machine.end()
    tally.exit()


main()
