# SPDX-License-Identifier: MIT
"""What the tests that run inside the VM share: the pair of interfaces, transfers, and the tally.

Receivers run in the namespace rx on zc0, senders in tx; scripts/vm has made both.
"""
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import traceback

from netlink import Family, Refused, u32

IFNAME = "zc0"
LOCAL = {4: "10.71.0.1", 6: "fd71::1"}
REMOTE = {4: "10.71.0.2", 6: "fd71::2"}
PEER = ["ip", "netns", "exec", "tx"]
# Where tests/kernel/programs leaves what it built from the kernel's source.
SELFTESTS = os.path.join(os.environ.get("ZCRX_KERNEL_SOURCE", ""),
                         "tools/testing/selftests/drivers/net/hw")
STREAM = os.path.join(os.environ.get("ZCRX_BUILD_DIR", "build/dev"), "tests/kernel/kernel-stream")

# ethtool's and netdev's numbers, from linux/ethtool_netlink_generated.h and linux/netdev.h.
RINGS_GET, RINGS_SET, CHANNELS_SET, RSS_SET = 15, 16, 18, 48
HEADER, DEV_NAME = 1, 2
RINGS_RX, RINGS_TX, RINGS_RX_BUF_LEN, RINGS_SPLIT, RINGS_THRESH = 6, 9, 10, 11, 17
CHANNELS_RX, CHANNELS_COMBINED = 6, 9
RSS_INDIR = 4
SPLIT_OFF, SPLIT_ON = b"\1", b"\2"
PAGE_POOL_GET, QUEUE_GET, BIND_RX = 5, 10, 13
POOL_DETACH_TIME = 6
QUEUE_ID, QUEUE_IFINDEX, QUEUE_TYPE, QUEUE_DMABUF, QUEUE_IO_URING = 1, 2, 3, 5, 6
DMABUF_IFINDEX, DMABUF_QUEUES, DMABUF_FD = 1, 2, 3


class Skip(Exception):
    """This step cannot run here; the text says why."""


class Failed(Exception):
    """A step's own judgement, that needs no traceback."""


class Tally:
    """
    Runs the steps of a test, prints a line for each, and knows the exit status. What witnesses say
    is printed with a failure.
    """
    witnesses = []

    def __init__(self):
        self.failed = self.skipped = 0

    def run(self, name, step, *args):
        begin = time.monotonic()
        try:
            step(*args)
        except Skip as e:
            self.skipped += 1
            print(f"skip: {name}: {e}", flush=True)
            return
        except (Failed, Refused, subprocess.SubprocessError) as e:
            self.fail(name, e)
            return
        except Exception:  # a fault of the test itself, which must not hide the other steps
            self.fail(name, traceback.format_exc())
            return
        print(f"ok {name} ({time.monotonic() - begin:.1f} s)", flush=True)

    def fail(self, name, why):
        self.failed += 1
        print(f"FAILED {name}: {why}", flush=True)
        for witness in self.witnesses:
            print("".join(f"    {line}\n" for line in witness().splitlines()[-30:]), flush=True)

    def exit(self):
        sys.exit(1 if self.failed else 77 if self.skipped else 0)


def only_in_guest():
    if os.environ.get("ZCRX_VM") != "1":
        print("skip: this runs inside the VM: use tests/vm/in-guest")
        sys.exit(77)


def do(*command, check=True):
    """A command's output; raises Failed with its words."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, check=False)
    if check and done.returncode:
        raise Failed(f"{' '.join(command)}: status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def program(name):
    """One of the kernel's self-test programs."""
    path = os.path.join(SELFTESTS, name)
    if not os.access(path, os.X_OK):
        raise Skip(f"{path} is missing: run tests/kernel/programs")
    return path


def ifindex(ifname=IFNAME):
    with open(f"/sys/class/net/{ifname}/ifindex", encoding="ascii") as f:
        return int(f.read())


_families = {}


def family(name):
    if name not in _families:
        _families[name] = Family(name)
    return _families[name]


def ethtool_set(command, *attributes, ifname=IFNAME):
    """ethtool's netlink calls; its program of Debian 12 does not know the newer attributes."""
    family("ethtool").call(command, [(HEADER, [(DEV_NAME, ifname)]), *attributes])


def data_split(on=True, thresh=0):
    ethtool_set(RINGS_SET, (RINGS_SPLIT, SPLIT_ON if on else SPLIT_OFF), (RINGS_THRESH, thresh))


def remade(queues=None):
    """Makes the pair anew, as scripts/vm does: nothing is left of the old one."""
    do("rmmod", "zcnic", check=False)
    do("insmod", "build/vm/zcnic.ko", "pairs=1", *([f"queues={queues}"] if queues else []))
    for name, end in (("rx", "zc0"), ("tx", "zc1")):
        do("nsenter", "--net=/proc/2/ns/net", "ip", "link", "set", end, "netns", name)
    for namespace, end, addresses in ((), "zc0", LOCAL), (PEER, "zc1", REMOTE):
        do(*namespace, "ip", "address", "add", f"{addresses[4]}/24", "dev", end)
        do(*namespace, "ip", "address", "add", f"{addresses[6]}/64", "dev", end, "nodad")
        do(*namespace, "ip", "link", "set", end, "up")


def queues_bound():
    """The receive queues of zc0 that a memory provider has."""
    found = family("netdev").call(QUEUE_GET, [(QUEUE_IFINDEX, ifindex())], dump=True)
    return [u32(q[QUEUE_ID]) for q in found if QUEUE_DMABUF in q or QUEUE_IO_URING in q]


def pools(detached=False):
    """The page pools of this namespace; detached: only those that wait for their last buffers."""
    found = family("netdev").call(PAGE_POOL_GET, dump=True)
    return [p for p in found if not detached or POOL_DETACH_TIME in p]


def flush_deferred():
    """Makes every processor free what others left it to free: packets whose buffers came from its
    pools. The kernel does that only when it next receives something there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        all_of_them = os.sched_getaffinity(0)
        for processor in all_of_them:
            os.sched_setaffinity(0, {processor})
            s.sendto(b"", ("127.0.0.1", 9))
        os.sched_setaffinity(0, all_of_them)


def quiet():
    """Waits until the receivers that are gone have left nothing behind."""
    def detached():
        flush_deferred()
        return pools(detached=True)
    until("no queue is bound", lambda: not queues_bound())
    until("no page pool is detached", lambda: not detached())


def huge_pages(mib):
    """Waits until so many are free: the kernel keeps a queue's until it is done with it, a while after
    the queue is gone."""
    def free():
        flush_deferred()
        with open("/proc/meminfo", encoding="ascii") as f:
            return int(re.search(r"HugePages_Free: +(\d+)", f.read())[1])
    until(f"{mib} MiB of huge pages are free", lambda: 2 * free() >= mib)


def listening(port, namespace=()):
    """Does a TCP socket listen on the port? namespace: () for rx, PEER for tx."""
    text = do(*namespace, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    return re.search(rf":{port:04X} \S+ 0A ", text) is not None


# In a guest that has the machine to itself nothing that is waited for takes 2 s: a machine may be 40 times as
# slow, or as busy.
PATIENCE = 80


def until(what, condition, seconds=PATIENCE):
    """Waits for condition() to be true; raises Failed with what was expected."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"still not so after {seconds} s: {what}")
        time.sleep(0.05)


def rules_shown():
    """The ntuple rules, as ethtool shows them. It lists their numbers, then asks for each rule, and fails if one
    has gone meanwhile."""
    while True:
        try:
            return do("ethtool", "-n", IFNAME)
        except Failed as e:
            if "Cannot get RX class rule" not in str(e):
                raise


def steer(port, queue, version):
    """TCP to the port goes to the queue; returns the number of the rule."""
    text = do("ethtool", "-N", IFNAME, "flow-type", f"tcp{version}", "dst-port", str(port),
              "action", str(queue))
    found = re.search(r"ID (\d+)", text)
    if not found:
        raise Failed(f"ethtool -N said: {text.strip()}")
    return found[1]


@contextlib.contextmanager
def steered(port, queue, versions=(4, 6)):
    """The same for as long as this lasts."""
    rules = []
    try:
        for version in versions:
            rules.append(steer(port, queue, version))
        yield
    finally:
        for rule in rules:
            do("ethtool", "-N", IFNAME, "delete", rule)


class Transfer:
    """One stream of known bytes from tx into rx. way: plain, devmem, zcrx."""

    def __init__(self, way, port, seed, size, *, memory="plain", queue=None, version=4):
        where = [LOCAL[version], str(port), str(seed), str(size)]
        target = [] if way == "plain" else [memory, IFNAME, str(queue)]
        self.receiver = subprocess.Popen([STREAM, way, *where, *target], stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        self.sender = None
        self.send = [*PEER, STREAM, "send", *where]

    def start(self):
        """Begins to send once the receiver listens; False if it ended instead."""
        if self.receiver.stdout.readline() != "listening\n":
            return False
        self.sender = subprocess.Popen(self.send, stderr=subprocess.PIPE, text=True)
        return True

    def kill(self, *ends):
        for end in ends or ("receiver", "sender"):
            process = getattr(self, end)
            if process and process.poll() is None:
                process.kill()

    def wait(self, seconds=60):
        """(status, last words) of the sender, then of the receiver. A receiver whose sender failed
        may wait for a connection for ever; it is killed."""
        results = []
        for process in (self.sender, self.receiver):
            if process:
                words = process.communicate(timeout=seconds)[1]
                results.append((process.returncode, words.strip()))
                if process is self.sender and process.returncode:
                    self.kill("receiver")
        return results


def transfer(way, port, size, **options):
    """A whole transfer, every byte verified by the receiver."""
    t = Transfer(way, port, port, size, **options)
    try:
        t.start()
        for status, words in reversed(t.wait()):
            if status == 77:
                raise Skip(words.removeprefix("skip: "))
            if status:
                raise Failed(f"status {status}: {words}")
    finally:
        t.kill()
