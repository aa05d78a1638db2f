# SPDX-License-Identifier: MIT
"""A client of zcrxd in plain Python, written from docs/protocol.md and nothing else.

Python has neither atomic operations nor fences. What stands in for them:
- Shared words are read and written through memoryviews of format "I", which CPython does with one
  aligned 4-byte access (struct.unpack_from("=I") would go byte by byte).
- CPython does not reorder the accesses of one thread; between loads, and between stores, x86 does
  not either. Other machines may: there the acquire and release that the protocol asks for are missing.
- The full barrier is the taking of a lock: an atomic read-modify-write, on x86 a full barrier.
- wake cannot be exchanged, so it is never taken back: the protocol allows that.
- As it asks of a client without a full barrier, no sleep is without a timeout (LONGEST_SLEEP_S).
"""
import fcntl
import mmap
import os
import select
import socket
import threading

from tables import constants, messages, reasons, structs

LONGEST_SLEEP_S = 0.2
KICK = b"\0"
POPULATE_WRITE = 23  # linux/mman.h: MADV_POPULATE_WRITE
NAMES = {number: name for name, (number, *_) in messages.items()}


class Refused(OSError):
    """The daemon's refusal: errno, name of the reason, sentence."""

    def __init__(self, reply):
        super().__init__(-reply["hdr"]["error"], reply["text"])
        self.reason = reasons[reply["reason"]][0] if reply["reason"] in reasons else ""
        self.text = reply["text"]


class Lost(Exception):
    """The queue, or the connection, is gone."""


def message_receive(sock, flags=0):
    """(datagram, [fds]); (b"", []) is the end."""
    room = (constants["MSG_BYTES_MAX"], socket.CMSG_LEN(4 * constants["MSG_FDS_MAX"]),
            flags | socket.MSG_CMSG_CLOEXEC)
    try:
        data, ancillary, got, _ = sock.recvmsg(*room)
    except ConnectionResetError:
        data, ancillary, got, _ = sock.recvmsg(*room)
    fds = []
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds += memoryview(payload)[:len(payload) // 4 * 4].cast("i").tolist()
    if got & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise Lost("a datagram larger than the protocol allows")
    return data, fds


class Connection:
    def __init__(self, path, name="protocol.md"):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.serial = 0
        try:
            self.sock.connect(path)
            version = constants["MSG_VERSION"]
            self.limits, _ = self.request("HELLO", version_min=version, version_max=version, name=name)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def request(self, name, fds=(), /, tail=b"", meanwhile=None, **fields):
        """Sends a request, returns (reply, [fds]). tail: what a later version might append.

        meanwhile: a queue whose channel is read until the reply is there.
        """
        number, body, _, answer, *_ = messages[name]
        self.serial += 1
        header = {"size": structs[body].size + len(tail), "type": number, "nfds": len(fds),
                  "serial": self.serial}
        try:
            socket.send_fds(self.sock, [structs[body].pack({"hdr": header, **fields}) + tail], fds)
        except BrokenPipeError:
            pass  # perhaps it said why before it hung up
        while meanwhile and not meanwhile.lost:
            if self.sock in select.select([self.sock, meanwhile.channel], [], [])[0]:
                break
            meanwhile.channel_read()
        return self.reply(number, self.serial, answer)

    def reply(self, number, serial, answer):
        data, fds = message_receive(self.sock)
        if not data:
            raise Lost("the daemon ended the connection")
        header = structs["msg_hdr"].unpack(data)
        if (header["size"], header["nfds"], header["type"], header["serial"]) != (
                len(data), len(fds), number, serial):
            raise Lost(f"a reply that does not fit: {header}")
        if header["error"]:
            raise Refused(structs["msg_fail"].unpack(data))
        return structs[answer].unpack(data), fds


def memfd(size, flags=0):
    """One that may be an area, without memory yet."""
    fd = os.memfd_create("area", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | flags)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Area:
    def __init__(self, connection, size, length=None):
        self.length, self.connection = size if length is None else length, connection
        fd = memfd(size)
        try:
            data = mmap.mmap(fd, size)
            data.madvise(POPULATE_WRITE)
            self.data = memoryview(data)
            reply, _ = connection.request("AREA_ADD", [fd], length=self.length,
                                          kind=constants["MSG_AREA_MEMFD"])
        finally:
            os.close(fd)
        self.id = reply["area_id"]

    def delete(self):
        self.connection.request("AREA_DEL", area_id=self.id)


def open_and_close(connection, backend):
    """One queue more, and no more of it; the area goes, too."""
    area = Area(connection, 1 << 20)
    reply, fds = connection.request("QUEUE_OPEN", area_id=area.id, backend=backend)
    connection.request("QUEUE_CLOSE", queue_id=reply["queue_id"])
    for fd in fds:
        os.close(fd)
    area.delete()


class Flow:
    def __init__(self, queue, flow_id, sock, local, remote):
        self.queue, self.id, self.sock = queue, flow_id, sock
        self.local, self.remote = local, remote

    def pause(self, on):
        self.queue.connection.request("FLOW_PAUSE", flow_id=self.id, on=on)

    def close(self, abort=False):
        """Of a listener, what it accepted before comes as ("open", flow) afterwards."""
        flags = constants["MSG_CLOSE_ABORT"] if abort else 0
        self.queue.connection.request("FLOW_CLOSE", meanwhile=self.queue, flow_id=self.id, flags=flags)
        self.queue.channel_read()
        self.queue.flows.pop(self.id)


class Queue:
    def __init__(self, connection, area, **options):
        self.connection, self.area = connection, area
        reply, fds = connection.request("QUEUE_OPEN", area_id=area.id, **options)
        self.id, self.given = reply["queue_id"], reply
        self.flows, self.opened, self.ends, self.lost = {}, [], [], None
        self.lock = threading.Lock()
        self.head = self.refill_tail = self.events_read = self.kicked = 0
        self.channel = socket.socket(fileno=fds[2])
        rings = self.rings = reply["rings"]
        cq = mmap.mmap(fds[0], rings["cq_map_bytes"], mmap.MAP_SHARED, mmap.PROT_READ)
        rq = mmap.mmap(fds[1], rings["rq_map_bytes"], mmap.MAP_SHARED)
        for fd in fds[:2] + fds[3:]:
            os.close(fd)
        if reply["format"] != constants["MSG_FORMAT_BUFFER_ID"] or rings["side_map_bytes"]:
            raise Lost("a queue of a format unknown here")
        self.cq, self.rq = memoryview(cq), memoryview(rq)
        self.cq_words, self.rq_words = self.cq.cast("I"), self.rq.cast("I")

    def close(self):
        self.connection.request("QUEUE_CLOSE", queue_id=self.id)
        self.channel.close()

    # Words of the shared pages, by the names of the document.

    def daemon(self, field):
        return self.cq_words[(self.rings["daemon_page"] + structs["ring_daemon"].offset(field)) // 4]

    def client_set(self, field, value):
        at = self.rings["client_page"] + structs["ring_client"].offset(field)
        self.rq_words[at // 4] = value

    def tail(self):
        return self.cq_words[self.rings["cq_tail"] // 4]

    def counters(self):
        return structs["ring_daemon"].unpack(self.cq, self.rings["daemon_page"])

    # Flows.

    def adopt(self, sock, listening=False):
        flags = constants["MSG_FLOW_LISTEN"] if listening else 0
        reply, _ = self.connection.request("FLOW_ADOPT", [sock.fileno()], queue_id=self.id, flags=flags)
        flow = Flow(self, reply["flow_id"], sock, reply["local"], reply["remote"])
        self.flows[flow.id] = flow
        return flow

    # The channel.

    def channel_read(self):
        """Reads all there is. What it says waits in self.opened, self.ends and self.lost."""
        while not self.lost:
            try:
                data, fds = message_receive(self.channel, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not data:
                self.lost = "the daemon is gone"
            elif len(data) > 1:
                self.event(data, fds)

    def event(self, data, fds):
        self.events_read = (self.events_read + 1) % 2**32
        name = NAMES.get(structs["msg_hdr"].unpack(data)["type"])
        if name == "FLOW_OPENED":
            event = structs["msg_flow_opened"].unpack(data)
            sock = socket.socket(fileno=fds.pop()) if fds else None
            flow = Flow(self, event["flow_id"], sock, event["local"], event["remote"])
            self.flows[flow.id] = flow
            self.opened.append(flow)
        elif name == "FLOW_CLOSED":
            self.ends.append(structs["msg_flow_closed"].unpack(data))
        elif name == "QUEUE_LOST":
            self.lost = structs["msg_queue_lost"].unpack(data)["text"]
        for fd in fds:
            os.close(fd)

    # The rings.

    def reap(self):
        """A list of ("open", flow), ("data", flow, bytes in the area, buffer), ("end", flow, event).

        The bytes are the caller's until it refills the buffer. Raises Lost once all that came
        before is given out: a ring that was lost before its tail is loaded stays as it is.
        """
        if self.daemon("events") != self.events_read:
            self.channel_read()
        lost, found = self.lost, []
        tail = self.tail()
        while self.head != tail:
            found += self.completion(self.head % self.rings["cq_entries"])
            self.head = (self.head + 1) % 2**32
        self.client_set("cq_head", self.head)
        self.kick()
        found = [("open", flow) for flow in self.opened] + found + self.ends_reached()
        self.opened = []
        if lost and not found:
            raise Lost(lost)
        return found

    def completion(self, index):
        entry = structs["io_uring_cqe"].unpack(
            self.cq, self.rings["cq_cqes"] + index * self.rings["cqe_bytes"])
        if entry["res"] <= 0 or not entry["flags"] & constants["RING_CQE_BUFFER"]:
            return []
        buffer = entry["flags"] >> constants["RING_CQE_BUFFER_SHIFT"]
        flow_id = entry["user_data"] % 2**32
        if flow_id not in self.flows:
            self.channel_read()
        if flow_id not in self.flows:
            self.refill([buffer])
            return []
        start = buffer * self.given["buffer_bytes"]
        return [("data", self.flows[flow_id], self.area.data[start:start + entry["res"]], buffer)]

    def ends_reached(self):
        reached = [e for e in self.ends if (self.head - e["cq_pos"]) % 2**32 < 2**31]
        self.ends = [e for e in self.ends if e not in reached]
        return [("end", self.flows[e["flow_id"]], e) for e in reached if e["flow_id"] in self.flows]

    def refill(self, buffers):
        for buffer in buffers:
            at = (self.rings["rq_rqes"]
                  + self.refill_tail % self.rings["rq_entries"] * self.rings["rqe_bytes"])
            offset = buffer * self.given["buffer_bytes"] | self.given["area_token"]
            self.rq[at:at + structs["ring_rqe"].size] = structs["ring_rqe"].pack(
                {"off": offset, "len": self.given["buffer_bytes"]})
            self.refill_tail = (self.refill_tail + 1) % 2**32
        self.rq_words[self.rings["rq_tail"] // 4] = self.refill_tail
        self.kick()

    def kick(self):
        self.barrier()
        wanted = self.daemon("kick")
        if wanted not in (0, self.kicked):
            self.kicked = wanted
            try:
                self.channel.send(KICK, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                pass

    def barrier(self):
        with self.lock:
            pass

    def news(self):
        return self.tail() != self.head or self.daemon("events") != self.events_read

    def wait(self, seconds=LONGEST_SLEEP_S):
        """Sleeps until there is something to reap, or the time is up."""
        self.client_set("wake", 1)
        self.barrier()
        if not self.news():
            poll = select.poll()
            poll.register(self.channel, select.POLLIN)
            poll.poll(min(seconds, LONGEST_SLEEP_S) * 1000)
            self.channel_read()
