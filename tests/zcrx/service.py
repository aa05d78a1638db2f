# SPDX-License-Identifier: MIT
"""A zcrxd as the unit would run it: a user of its own, two capabilities, queues of zc0."""
import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from guest import (DEV_NAME, HEADER, LOCAL, PEER, RINGS_GET, Failed, Tally, do, family,
                   flush_deferred, pools, queues_bound, rules_shown, until)
from classes_text import lifted
from unix import accepts

BUILD = os.environ.get("ZCRX_BUILD_DIR", "build/dev")
ZCRXD = os.path.join(BUILD, "daemon", "zcrxd")
CTL = os.path.join(BUILD, "tools", "zcrxctl")
MANY = os.path.join(BUILD, "tests", "zcrx", "zcrx-many")
DAEMON_UID, CLIENT_UID = 64999, 65534
COPY, DEVMEM, ZCRX = 1, 2, 3
# Every test runs with either backend; devmem is what its clients have to ask for.
IS_DEVMEM = "devmem" in sys.argv[1:]
BACKEND = DEVMEM if IS_DEVMEM else ZCRX
OPTIONS = ("backend=2", "memory=udmabuf") if IS_DEVMEM else ()


def expect(what, condition, detail):
    if not condition:
        raise Failed(f"{what}: {detail}")


def zero_copy(got, least=0.99):
    expect(f"the backend is {BACKEND}", got["backend"] == BACKEND, got)
    copied = got["bytes_copied"] / got["bytes"]
    expect(f"at least {least:.0%} zero copy", 1 - copied >= least, got)


def as_user(uid, *capabilities):
    caps = ",".join(["-all", *(f"+{c}" for c in capabilities)])
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
            f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}"]


class Service:
    """Unless a test says otherwise, a NIC is put back at once; leases and connections are not limited."""

    def __init__(self, queues="2-3", classes="[class default]\nnics=zc0\n", linger=0, environment=None, program=ZCRXD):
        self.program = program
        self.environment = {**os.environ, **(environment or {})}
        self.dir = tempfile.mkdtemp(prefix="zcrxd.")
        self.config = os.path.join(self.dir, "conf")
        self.socket, self.status = (os.path.join(self.dir, name) for name in ("clients", "status"))
        with open(self.config, "w", encoding="ascii") as f:
            f.write(f"[sockets]\nclients={self.socket}\nstatus={self.status}\nmode=0666\n"
                    f"state={self.dir}\n[nic zc0]\nqueues={queues}\nlinger-seconds={linger}\n"
                    + lifted(lifted(classes, "connections-per-second"), "leases-per-minute").replace("{dir}", self.dir))
        os.chmod(self.dir, 0o755)
        os.chown(self.dir, DAEMON_UID, DAEMON_UID)
        self.log = open(os.path.join(self.dir, "log"), "a+", encoding="utf-8")
        self.process = None
        Tally.witnesses.append(self.said)
        do("chmod", "666", "/dev/udmabuf")
        self.start()

    def start(self, until_it_serves=True):
        self.process = subprocess.Popen(
            ["prlimit", "--memlock=unlimited", *as_user(DAEMON_UID, "net_admin", "ipc_lock"), self.program, "-v",
             "-c", self.config],
            stderr=self.log, env=self.environment)
        if until_it_serves:
            until("zcrxd serves", lambda: accepts(self.socket))

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(30)
        if how == signal.SIGTERM and status:
            raise Failed(f"zcrxd ended with {status}:\n{self.said()}")

    def pumps(self):
        """Their process ids: zcrxd notes each pump in a file of that name."""
        try:
            return [int(name) for name in os.listdir(f"{self.socket}.pumps")]
        except FileNotFoundError:
            return []

    def processes(self):
        """The process ids of zcrxd's two programs, and of the hands: the broker's children."""
        broker = self.process.pid
        with open(f"/proc/{broker}/task/{broker}/children", encoding="ascii") as f:
            return {broker, *self.pumps(), *map(int, f.read().split())}

    def descriptors(self):
        """How many all of them have."""
        found = 0
        for pid in self.processes():
            try:
                found += len(os.listdir(f"/proc/{pid}/fd"))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                pass  # this one has just ended
        return found

    def resident_kib(self):
        """The memory of all of them; one that has just ended has none, and its status says none."""
        found = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as f:
                    found += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def killed(self):
        """The broker and all pumps, at once."""
        pids = self.pumps()
        self.end(signal.SIGKILL)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def document(self):
        return json.loads(do("socat", "-u", f"UNIX-CONNECT:{self.status}", "-"))

    def queues(self):
        return [q for c in self.document()["clients"] for q in c["queues"]]

    def flows(self):
        return [f for q in self.queues() for f in q["flows"]]

    def reasons(self):
        """Why each flow is not steered."""
        return [f["why_copied"] for f in self.flows()]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        if kind:
            print(self.said(), flush=True)
        Tally.witnesses.remove(self.said)
        self.log.close()
        shutil.rmtree(self.dir)

    def client(self, *arguments, namespace=(), uid=CLIENT_UID, socket="clients"):
        """Receives as nobody or this user, who dies of any io_uring call; the process says "ready" first."""
        if IS_DEVMEM and arguments[0] != "twice":
            arguments = (*arguments[:5], *OPTIONS, *arguments[5:])
        process = subprocess.Popen(
            [*namespace, *as_user(uid), "scripts/lib/no-io-uring", MANY, "receive",
             *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "ZCRX_SOCKET": os.path.join(self.dir, socket)})
        return process


def sender(*arguments, namespace=PEER):
    return subprocess.Popen([*namespace, MANY, "send", *map(str, arguments)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, seconds=120):
    out, words = process.communicate(timeout=seconds)
    if process.returncode:
        raise Failed(f"status {process.returncode}: {words.strip()}")
    return out


def report(process):
    """What a client has to say in the end."""
    return json.loads(finish(process).splitlines()[-1])


def transfer(where, port, flows, size, how="listen", address=LOCAL[4], options=()):
    """What a client in a Service or a Container reports of its streams; it has looked at every byte."""
    send = None
    if how == "connect":
        send = sender("serve", address, port, flows, size)
        wait_ready(send)
    client = where.client(how, address, port, flows, size, *options)
    try:
        wait_ready(client)
        send = send or sender("connect", address, port, flows, size)
        got = report(client)
        finish(send)
    finally:
        for process in client, send:
            if process:
                process.kill()
    expect("all bytes", got["bytes"] == flows * size, got)
    return got


def nic():
    """The settings, as ethtool shows them, and who holds queues."""
    shown = "".join(do("ethtool", what, "zc0") for what in ("-g", "-k", "-x", "-l")) + rules_shown()
    rings = family("ethtool").call(RINGS_GET, [(HEADER, [(DEV_NAME, "zc0")])])[0]
    shown += str({k: v for k, v in rings.items() if k != HEADER})
    return re.sub(r"Filter: \d+", "", shown), queues_bound(), pools(detached=True)


def unchanged(before):
    """What the NIC was like before is what it becomes again."""
    def as_before():
        flush_deferred()
        return nic() == before

    try:
        until("the NIC is as it was", as_before)
    except Failed as e:
        then, now = (str(x).replace("\\n", "\n").split("\n") for x in (before, nic()))
        differences = "\n".join(difflib.unified_diff(then, now, "before", "now", n=0, lineterm=""))
        raise Failed(f"{e}\n{differences}") from None


def uncomplaining():
    """The kernel's log holds no warning."""
    found = [line for line in do("dmesg").split("\n") if re.search(r"WARNING:|BUG:|Oops", line)]
    if found:
        raise Failed("; ".join(found))


def wait_ready(process):
    line = process.stdout.readline()
    if line != "ready\n":
        raise Failed(f"not ready: {process.communicate(timeout=10)[1].strip()}")


