#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory of every kind, in the VM: made, received into by zcrx-cat through zcrxd, each byte compared."""
import fcntl
import hashlib
import itertools
import json
import os
import struct
import subprocess
import sys
import time

from service import BUILD, CLIENT_UID, DAEMON_UID, Failed, Service, as_user, expect
from guest import LOCAL, PEER, Tally, do, huge_pages, listening, only_in_guest, until

sys.path.append(os.path.join(os.environ.get("ZCRX_SOURCE_DIR", "."), "tests", "python"))
from client import Connection, Refused, memfd  # noqa: E402  (where it lies is known only now)

CAT = os.path.join(BUILD, "tools", "zcrx-cat")
EXPORTERS = os.path.join(BUILD, "tests", "mem", "mem-exporters")
CUDA = os.path.join(BUILD, "tests", "mem", "cuda")
DEVICES = ["/dev/udmabuf", "/dev/dma_heap/system", "/dev/dri/card0"]
KINDS = ["memfd:4M", "udmabuf:4M", "dma-heap:system:4M", "drm:0:4M", "cuda:0:4M"]
DATA, COPIES = "/tmp/data", "/tmp/copies"
SIZE = (12 << 20) + 12345  # three times the memory, and no whole pages
DMABUF, UDMABUF, PAGE, HUGE_PAGE = 2, 3, os.sysconf("SC_PAGESIZE"), 2 << 20
UDMABUF_CREATE, CREATE_DUMB, PRIME_HANDLE_TO_FD = 0x40187542, 0xc02064b2, 0xc00c642d
ports = itertools.count(21000)


def cat(service, kind, *options, fds=()):
    """zcrx-cat as nobody, and the port that it listens on."""
    port = next(ports)
    process = subprocess.Popen(
        [*as_user(CLIENT_UID), "scripts/lib/no-io-uring", CAT, "--json", "-m", kind, *options, "-l",
         LOCAL[4], str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=fds, text=True,
        env={**os.environ, "ZCRX_SOCKET": service.socket, "LD_LIBRARY_PATH": CUDA,
             "FAKE_CUDA_LOG": COPIES})
    return process, port


def receive(service, kind, *options, fds=()):
    """What zcrx-cat reports of all the data, from the other namespace."""
    process, port = cat(service, kind, *options, fds=fds)
    try:
        until("zcrx-cat listens", lambda: process.poll() is not None or listening(port))
        sent = ""
        if process.poll() is None:
            sent = do(*PEER, "socat", "-u", f"OPEN:{DATA}", f"TCP:{LOCAL[4]}:{port}", check=False)
        out, words = process.communicate(timeout=60)
    finally:
        process.kill()
    expect("both ends succeed", process.returncode == 0 and not sent, words + out + sent)
    report = json.loads(out)
    expect("all bytes", report["bytes"] == SIZE, report)
    return report


def digest():
    with open(DATA, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(f.read()).hexdigest()


def verified(service, kind, *options, fds=()):
    if os.path.exists(COPIES):
        os.remove(COPIES)
    report = receive(service, kind, "--sha256", "--discard", *options, fds=fds)
    expect("every byte", report["sha256"] == digest(), report)
    return report


def by_zero_copy(service, kind, backend):
    report = verified(service, kind, "-Z", "-b", backend)
    # What comes before the connection is steered is copied. On a slow machine that is a whole receive
    # window, 2 MiB or a sixth.
    expect("zero copy", report["backend"] == backend and report["zero_copy_ratio"] > 0.75, report)
    if kind.startswith("cuda"):
        with open(COPIES, encoding="ascii") as f:
            copies = json.load(f)
        expect("all but what lay beside was copied out", copies["bytes"] == SIZE - report["bytes_copied"],
               (copies, report))
        expect("in batches", copies["waits"] < copies["copies"], copies)


def by_copy(service, kind):
    expect("the kernel copies", verified(service, kind, "-b", "copy")["backend"] == "copy", kind)


def beside(service, kind, backend):
    """What the NIC does not split comes through the side buffer, in its place in the stream."""
    path = "/sys/kernel/debug/zcnic/zc0/unsplit_every"
    with open(path, "w", encoding="ascii") as f:
        f.write("20")
    try:
        report = verified(service, kind, "-Z", "-b", backend)
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write("0")
    expect("some of it", 0 < report["bytes_copied"] < SIZE, report)


def only_counted(service, kind):
    """Nobody looks at the bytes, so nobody moves them."""
    if os.path.exists(COPIES):
        os.remove(COPIES)
    receive(service, kind, "--discard")
    with open(COPIES, encoding="ascii") as f:
        expect("no copies", json.load(f)["bytes"] == 0, kind)


def udmabuf(size):
    """A dma-buf of a memfd of that size."""
    memfd = os.memfd_create("area", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memfd, size)
    fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    with open("/dev/udmabuf", "r+b", buffering=0) as device:
        fd = fcntl.ioctl(device, UDMABUF_CREATE, bytearray(struct.pack("IIQQ", memfd, 1, 0, size)))
    os.close(memfd)
    return fd


def huge(size):
    """A memfd of huge pages, as many as there are to be."""
    with open("/proc/sys/vm/nr_hugepages", "w", encoding="ascii") as f:
        f.write(str(size // HUGE_PAGE))
    return memfd(size, os.MFD_HUGETLB)


def buffer_object(size, flags):
    """That of a dumb buffer, open as the flags say."""
    card = os.open("/dev/dri/card0", os.O_RDWR | os.O_CLOEXEC)
    dumb = bytearray(struct.pack("IIIIIIQ", size // 4096, 1024, 32, 0, 0, 0, 0))
    fcntl.ioctl(card, CREATE_DUMB, dumb)
    prime = bytearray(struct.pack("IIi", struct.unpack("IIIIIIQ", dumb)[4], flags, -1))
    fcntl.ioctl(card, PRIME_HANDLE_TO_FD, prime)
    os.close(card)
    return struct.unpack("IIi", prime)[2]


def inherited(service, make, *arguments):
    fd = make(4 << 20, *arguments)
    try:
        expect("zero copy", verified(service, f"fd:{fd}", "-Z", fds=[fd])["backend"] == "zcrx", fd)
    finally:
        os.close(fd)


def huge_by_copy(service):
    huge_pages(4)
    fd = huge(4 << 20)
    try:
        expect("every byte", verified(service, f"fd:{fd}", "-b", "copy", fds=[fd])["backend"] == "copy", fd)
    finally:
        os.close(fd)


def refused_by_daemon(service, fd, length, reason):
    with Connection(service.socket) as connection:
        try:
            connection.request("AREA_ADD", [fd], length=length, kind=DMABUF)
        except Refused as e:
            expect(f"refused with {reason}", e.reason == reason, e)
            return
    raise Failed(f"{length} bytes of it are an area")


def sizes(service):
    fd = udmabuf(4 * PAGE)
    for length in (0, 1, PAGE, 4 * PAGE - 1, 4 * PAGE + 1, 5 * PAGE, 2**63, 2**64 - PAGE):
        refused_by_daemon(service, fd, length, "AREA_SIZE")
    os.close(fd)


def refused(service, kind, words, *options, fds=(), status=3):
    process, _ = cat(service, kind, "--discard", *options, fds=fds)
    said = process.communicate(timeout=20)[1]
    expect("one sentence", process.returncode == status and words in said and said.count("\n") == 1,
           (process.returncode, said))


def read_only(service):
    fd = buffer_object(1 << 20, os.O_CLOEXEC)
    refused(service, f"fd:{fd}", "must be open for reading and writing", fds=[fd])
    refused_by_daemon(service, fd, 1 << 20, "FD_ACCESS")
    os.close(fd)


def taken(service):
    """By this connection; what two connections share is theirs to agree about."""
    fd = udmabuf(1 << 20)
    with Connection(service.socket) as first, Connection(service.socket) as second:
        first.request("AREA_ADD", [fd], length=1 << 20, kind=DMABUF)
        try:
            first.request("AREA_ADD", [fd], length=1 << 20, kind=DMABUF)
        except Refused as e:
            expect("refused with AREA_TAKEN", e.reason == "AREA_TAKEN", e)
        else:
            raise Failed("it is an area twice")
        second.request("AREA_ADD", [fd], length=1 << 20, kind=DMABUF)
    os.close(fd)


def beyond_the_limit():
    with open("/sys/module/udmabuf/parameters/size_limit_mb", encoding="ascii") as f:
        return f"udmabuf:{int(f.read()) + 1}M"


def kept(service):
    """A dma-buf that zcrxd made counts until its client has let go of it, however long that takes."""
    def used():
        found = service.document()["classes"][0]["used"]
        return found["areas"], found["area_bytes"], found["files"]

    with Connection(service.socket) as connection:
        fd = memfd(1 << 20)
        os.posix_fallocate(fd, 0, 1 << 20)
        made, dmabuf = connection.request("AREA_ADD", [fd], length=1 << 20, kind=UDMABUF)
        os.close(fd)
        connection.request("AREA_DEL", area_id=made["area_id"])
        time.sleep(2.5)
        expect("it counts", used() == (1, 1 << 20, 1), used())
    until("the client is gone", lambda: not service.document()["clients"])
    expect("it still counts", used() == (1, 1 << 20, 1), used())
    os.close(dmabuf[0])
    until("it counts no more", lambda: used() == (0, 0, 0))


def made_by_daemon(service):
    """For a client that may not open the device, once the administrator let zcrxd do it."""
    os.chmod("/dev/udmabuf", 0o660)
    service.end()
    with open(service.config, "a", encoding="ascii") as f:
        f.write("udmabuf=yes\n")
    service.start()
    refused(service, "udmabuf", "zcrxd can make no udmabuf")
    os.chown("/dev/udmabuf", 0, DAEMON_UID)
    for backend in ("zcrx", "devmem"):
        by_zero_copy(service, "udmabuf:4M", backend)
    by_copy(service, "udmabuf:4M")
    kept(service)
    refused(service, beyond_the_limit(), "zcrxd can make no udmabuf")


def not_allowed(service):
    for device in DEVICES:
        os.chmod(device, 0o600)
    refused(service, "udmabuf", "udmabuf=yes set in zcrxd.conf")
    for device, kind in zip(DEVICES[1:], ("dma-heap:system", "drm:0")):
        refused(service, kind, f"You may not open {device}: ")
    os.chmod("/dev/udmabuf", 0o666)
    refused(service, beyond_the_limit(), "size_limit_mb")


def main():
    only_in_guest()
    tally = Tally()
    with open(DATA, "wb") as f:
        f.write(os.urandom(SIZE))
    tally.run("the exporters", do, EXPORTERS)
    with Service() as service:
        tally.run("devices that one may not open", not_allowed, service)
        for device in DEVICES:
            os.chmod(device, 0o666)
        for kind in KINDS:
            tally.run(f"{kind} by zcrx", by_zero_copy, service, kind, "zcrx")
            tally.run(f"{kind} by copy", by_copy, service, kind)
        for kind in KINDS[1:]:
            tally.run(f"{kind} by devmem", by_zero_copy, service, kind, "devmem")
        for kind, backend in itertools.product(KINDS[1:], ("zcrx", "devmem")):
            tally.run(f"{kind} by {backend}, unsplit packets", beside, service, kind, backend)
        tally.run("a GPU's memory that nobody reads", only_counted, service, KINDS[-1])
        tally.run("a udmabuf that was inherited", inherited, service, udmabuf)
        tally.run("a buffer object that was inherited", inherited, service, buffer_object,
                  os.O_RDWR | os.O_CLOEXEC)
        tally.run("a memfd of huge pages that was inherited", inherited, service, huge)
        tally.run("the same by copy", huge_by_copy, service)
        tally.run("lengths that are not the dma-buf's", sizes, service)
        tally.run("a dma-buf that is read-only", read_only, service)
        tally.run("a dma-buf that is an area already", taken, service)
        tally.run("a udmabuf that zcrxd makes", made_by_daemon, service)
        tally.run("zcrxd ends", service.end)
    tally.exit()


main()
