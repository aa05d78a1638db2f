#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a client sends as memory, and what it makes of the memory it is sent: with real dma-bufs.

The client is that of tests/python, written from docs/protocol.md, and runs as root: what the seals
and the daemon do not prevent, nothing does.
"""
import fcntl
import os
import select
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
from client import Connection, Refused
from service import (BACKEND, IS_DEVMEM, Failed, Service, expect, finish, sender, uncomplaining,
                     until)
from guest import LOCAL, Tally, do, only_in_guest, queues_bound

PAGE = os.sysconf("SC_PAGESIZE")
AREA = 1 << 20
MEMFD, DMABUF, UDMABUF = 1, 2, 3
UDMABUF_CREATE = 0x40187542


def memfd(size):
    fd = os.memfd_create("hostile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    os.posix_fallocate(fd, 0, size)
    return fd


def dmabuf_of(fd, size):
    with open("/dev/udmabuf", "r+b", buffering=0) as device:
        return fcntl.ioctl(device, UDMABUF_CREATE, bytearray(struct.pack("IIQQ", fd, 1, 0, size)))


def refusal(connection, name, fds=(), **fields):
    """The reason, or None."""
    try:
        _, got = connection.request(name, fds, **fields)
    except Refused as e:
        return e.reason
    for fd in got:
        os.close(fd)
    return None


def add(connection, fd, size, kind):
    return connection.request("AREA_ADD", [fd], length=size, kind=kind)[0]["area_id"]


def area_for(connection, size=AREA):
    """One that the backend takes."""
    fd = memfd(size)
    if IS_DEVMEM:
        memory, fd = fd, dmabuf_of(fd, size)
        os.close(memory)
    try:
        return add(connection, fd, size, DMABUF if IS_DEVMEM else MEMFD)
    finally:
        os.close(fd)


def nothing_else_is_a_dmabuf(service):
    os.mkfifo("/tmp/fifo")
    ends, pair = os.pipe(), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pair[0].shutdown(socket.SHUT_WR)
    epoll, tcp = select.epoll(), socket.socket()
    fds = [*ends, pair[0].fileno(), pair[1].fileno(), epoll.fileno(), tcp.fileno(), memfd(PAGE),
           os.open("/tmp", os.O_RDONLY), os.open("/tmp", os.O_PATH), os.open("/tmp/fifo", os.O_RDWR),
           os.open("/dev/udmabuf", os.O_RDWR), os.open("/dev/zero", os.O_RDWR),
           os.open("/dev/dri/card0", os.O_RDWR), os.open("/proc/self/mem", os.O_RDWR),
           os.eventfd(0), os.pidfd_open(os.getpid())]
    with Connection(service.socket) as connection:
        for fd in (*fds, connection.sock.fileno()):
            for length in (PAGE, 0, 2**64 - PAGE):
                reason = refusal(connection, "AREA_ADD", [fd], length=length, kind=DMABUF)
                expect("a refusal", reason == "FD_KIND", (os.readlink(f"/proc/self/fd/{fd}"), reason))
    for thing in (*pair, epoll, tcp):
        thing.close()
    for fd in (*ends, *fds[6:]):
        os.close(fd)
    os.unlink("/tmp/fifo")


def may_not_be_written(fd, size):
    """Neither as it is, nor opened anew, nor as a dma-buf, which knows no read-only memory."""
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    for one in (fd, again):
        for attempt in (lambda one=one: os.pwrite(one, b"x", 0), lambda one=one: os.truncate(one, 0),
                        lambda one=one: os.close(dmabuf_of(one, size))):
            try:
                attempt()
            except OSError:
                continue
            raise Failed(f"{os.readlink(f'/proc/self/fd/{fd}')} can be written")
    os.close(again)


def the_daemons_files(service):
    with Connection(service.socket) as connection:
        reply, fds = connection.request("QUEUE_OPEN", area_id=area_for(connection), backend=BACKEND)
        cq, rq, channel, *side = fds
        expect("a side buffer with a dma-buf", len(side) == IS_DEVMEM, reply)
        for fd, size in [(cq, "cq_map_bytes"), *((s, "side_map_bytes") for s in side)]:
            may_not_be_written(fd, reply["rings"][size])
        for kind in (MEMFD, UDMABUF, DMABUF):
            for fd in (cq, rq, channel, *side):
                for one in (fd, os.open(f"/proc/self/fd/{fd}", os.O_RDWR) if fd != channel else fd):
                    reason = refusal(connection, "AREA_ADD", [one], length=PAGE, kind=kind)
                    expect("a refusal", reason in ("FD_KIND", "FD_ACCESS", "SEALS", "DENIED"), reason)
                    if one != fd:
                        os.close(one)
        for fd in (cq, rq, channel, *side):
            reason = refusal(connection, "FLOW_ADOPT", [fd], queue_id=reply["queue_id"])
            expect("a refusal", reason in ("FD_KIND", "SOCKET_KIND"), reason)
        for fd in (cq, rq, channel, *side):  # without its channel a queue ends
            os.close(fd)
    until("its queue is free", lambda: not queues_bound())


def its_own_refills(service):
    """A dma-buf of the refill memory is the client's to make, and to have payload put into."""
    with Connection(service.socket) as connection:
        reply, fds = connection.request("QUEUE_OPEN", area_id=area_for(connection), backend=BACKEND)
        size = reply["rings"]["rq_map_bytes"]
        own = dmabuf_of(fds[1], size)
        area = add(connection, own, size, DMABUF)
        other, more = connection.request("QUEUE_OPEN", area_id=area, backend=BACKEND)
        expect("a hardware queue each", other["rxq"] != reply["rxq"], other)
        os.pwrite(fds[1], os.urandom(size), 0)
        for queue in (reply, other):
            connection.request("QUEUE_CLOSE", queue_id=queue["queue_id"])
        for fd in (*fds, *more, own):
            os.close(fd)
    until("its queues are free", lambda: not queues_bound())


def numbers_of_queues(service):
    """Two can be leased, by devmem together."""
    granted = {0, 1, 2} if IS_DEVMEM else {0, 1}
    with Connection(service.socket) as connection:
        area = area_for(connection)
        for n in (0, 1, 2, 3, 16, 17, 255, 256, 2**31, 2**32 - 1):
            try:
                reply, fds = connection.request("QUEUE_OPEN", area_id=area, backend=BACKEND, rx_queues=n)
            except Refused:
                expect("it is granted", n not in granted, n)
                continue
            expect("it is refused", n in granted or reply["backend"] != BACKEND, n)
            expect("so many queues", len(queues_bound()) == max(n, 1), queues_bound())
            connection.request("QUEUE_CLOSE", queue_id=reply["queue_id"])
            until("its queues are free", lambda: not queues_bound())
            for fd in fds:
                os.close(fd)
    expect("nothing is leased", not queues_bound(), queues_bound())


def rules_of_listeners(service):
    """A listener that is shut down frees its port: who listens then gets all of its own streams."""
    port, size = 28000, 4 << 20
    with Connection(service.socket) as connection, socket.create_server((LOCAL[4], port)) as listener:
        reply, fds = connection.request("QUEUE_OPEN", area_id=area_for(connection), backend=BACKEND)
        connection.request("FLOW_ADOPT", [listener.fileno()], queue_id=reply["queue_id"], flags=1)
        kept = sender("connect", LOCAL[4], port, 1, size)
        until("its connection is steered", lambda: service.reasons() == ["", ""])
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        until("the port is free", lambda: "LISTEN" not in do("ss", "-tnl", f"sport = :{port}"))
        with socket.create_server((LOCAL[4], port)) as server:
            send = sender("connect", LOCAL[4], port, 1, size)
            other, _ = server.accept()
            other.settimeout(20)
            left = size
            while left:
                got = len(other.recv(left))
                expect("all of the stream", got, left)
                left -= got
            other.close()
            finish(send)
        expect("the first one still is", service.reasons()[-1] == "", service.reasons())
        kept.kill()
        kept.wait()
        for fd in fds:
            os.close(fd)
    until("its queue is free", lambda: not queues_bound())


def buffers_of_sockets(service):
    """zcrxd limits the receive buffer of a socket for as long as it receives from it."""
    buf_lock, rcvbuf_lock = 72, 2
    port = 28100
    with Connection(service.socket) as connection, socket.create_server((LOCAL[4], port)) as listener:
        reply, fds = connection.request("QUEUE_OPEN", area_id=area_for(connection), backend=BACKEND)
        send = sender("connect", LOCAL[4], port, 2, 1 << 30)
        own, fixed = listener.accept()[0], listener.accept()[0]
        fixed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)

        def locked(sock):
            return sock.getsockopt(socket.SOL_SOCKET, buf_lock) & rcvbuf_lock != 0

        expect("tuned by the kernel, and fixed", not locked(own) and locked(fixed), "")
        for sock in own, fixed:
            connection.request("FLOW_ADOPT", [sock.fileno()], queue_id=reply["queue_id"])
        until("it is limited", lambda: locked(own))
        connection.request("QUEUE_CLOSE", queue_id=reply["queue_id"])
        until("tuned by the kernel, and fixed", lambda: not locked(own) and locked(fixed))
        send.kill()
        send.wait()
        for sock in own, fixed:
            sock.close()
        for fd in fds:
            os.close(fd)
    until("its queue is free", lambda: not queues_bound())


def main():
    only_in_guest()
    tally = Tally()
    with Service() as service:
        tally.run("what is no dma-buf is refused", nothing_else_is_a_dmabuf, service)
        tally.run("what zcrxd lets read cannot be written", the_daemons_files, service)
        tally.run("a dma-buf of one's own refills", its_own_refills, service)
        tally.run("numbers of hardware queues", numbers_of_queues, service)
        tally.run("a rule goes with its listener", rules_of_listeners, service)
        tally.run("buffers of sockets", buffers_of_sockets, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
