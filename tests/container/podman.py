# SPDX-License-Identifier: MIT
"""Containers by podman and crun, as Debian ships them: its default seccomp profile, its default
capabilities, and namespaces of their own for users, mounts, processes, network.

A container gets the socket of zcrxd as a device (zcrxctl cdi), and nothing else of it. This
machine's /usr and the project are its image. Its root is an ordinary user outside.
"""
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import tempfile

from guest import LOCAL, Failed, Skip, do
from service import BUILD, CTL, MANY

FIRST_UID, UIDS = 100000, 65536
SPECIFICATION = "/run/cdi/zcrxd.json"
PODMAN = ["podman", "--log-level=error", "--root=/tmp/podman", "--runroot=/run/podman",
          "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime=crun"]


def needed():
    for tool in "podman", "crun":
        if not shutil.which(tool):
            raise Skip(f"{tool} is missing: run scripts/deps")


def publish(service):
    """Where runtimes find it."""
    os.makedirs(os.path.dirname(SPECIFICATION), exist_ok=True)
    do(CTL, "cdi", "-c", service.config, "-o", SPECIFICATION)
    with open(SPECIFICATION, encoding="utf-8") as f:
        return json.load(f)


def make_root():
    """An empty file system but for what every Debian has as links into /usr."""
    root = tempfile.mkdtemp(prefix="root.")
    for name in "usr", "proc", "sys", "dev", "tmp", "run", "etc":
        os.mkdir(os.path.join(root, name))
    for name in "bin", "sbin", "lib", "lib64":
        os.symlink(f"usr/{name}", os.path.join(root, name))
    os.chmod(root, 0o755)
    do("chown", "-R", f"{FIRST_UID}:{FIRST_UID}", root)
    return root


@contextlib.contextmanager
def entered(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as before, open(namespace, "rb") as there:
        if libc.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), namespace)
        try:
            yield
        finally:
            libc.setns(before.fileno(), 0)


class Container:
    """Runs until the end of the block; commands are run inside."""

    def __init__(self, name, *options):
        self.name, self.root = name, make_root()
        project = os.path.commonpath([os.getcwd(), os.path.realpath(BUILD)])
        do(*PODMAN, "run", "--detach", "--name", name, "--network=none",
           f"--uidmap=0:{FIRST_UID}:{UIDS}", f"--gidmap=0:{FIRST_UID}:{UIDS}",
           "--device=zcrxd/class=pods", "--volume=/usr:/usr:ro", f"--volume={project}:{project}:ro",
           f"--workdir={project}", *options, "--rootfs", self.root, "sleep", "infinity")
        self.pid = do(*PODMAN, "inspect", "--format={{.State.Pid}}", name).strip()
        # Podman gives what a device sets to the first process, and not to those of podman exec.
        self.environment = dict(line.split("=", 1) for line in self.proc("environ").split("\0") if line)
        self.exec = [*PODMAN, "exec", f"--env=ZCRX_SOCKET={self.environment.get('ZCRX_SOCKET')}", name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        do(*PODMAN, "rm", "--force", "--time=0", self.name)
        shutil.rmtree(self.root)

    def proc(self, name):
        """What the kernel says of its first process."""
        with open(f"/proc/{self.pid}/{name}", encoding="utf-8") as f:
            return f.read()

    def run(self, *command):
        """Its output."""
        return do(*self.exec, *command)

    def client(self, *arguments):
        return subprocess.Popen([*self.exec, MANY, "receive", *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ip(self, *arguments):
        """What the administrator of the host does to its network."""
        return do("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *arguments)

    def network(self):
        """For this process to do something in its network namespace."""
        return entered(f"/proc/{self.pid}/ns/net")

    def lead(self, kind, number):
        """Gives it an interface of the kind, and addresses to which tx and rx have a route: {version: address}."""
        host, inside = f"ct{number}", {4: f"10.72.{number}.2", 6: f"fd72:{number}::2"}
        before = set(os.listdir("/sys/class/net"))
        # Two, for one of the NIC's to be leased to it.
        do("ip", "link", "add", host, "numrxqueues", "2", "type", kind)
        peers = set(os.listdir("/sys/class/net")) - before - {host}
        if len(peers) != 1:
            raise Failed(f"the peer of {host} is one of {peers}")
        do("ip", "link", "set", peers.pop(), "netns", self.pid, "name", "eth0")
        do("ip", "address", "add", f"10.72.{number}.1/24", "dev", host)
        do("ip", "address", "add", f"fd72:{number}::1/64", "dev", host, "nodad")
        do("ip", "link", "set", host, "up")
        self.ip("address", "add", f"{inside[4]}/24", "dev", "eth0")
        self.ip("address", "add", f"{inside[6]}/64", "dev", "eth0", "nodad")
        self.ip("link", "set", "eth0", "up")
        self.ip("route", "add", "default", "via", f"10.72.{number}.1")
        self.ip("-6", "route", "add", "default", "via", f"fd72:{number}::1")
        do("sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        do("ip", "-n", "tx", "route", "add", f"10.72.{number}.0/24", "via", LOCAL[4])
        do("ip", "-n", "tx", "-6", "route", "add", f"fd72:{number}::/64", "via", LOCAL[6])
        return inside
