# SPDX-License-Identifier: MIT
"""Generic netlink, as little as the tests need, with the reasons that the kernel gives."""
import os
import socket
import struct

NETLINK_GENERIC = 16
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_ACK_TLVS = 1, 4, 0x300, 0x200
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
NLMSGERR_ATTR_MSG = 1
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2


class Refused(OSError):
    """The kernel said no: errno, and in reason the text of its extended acknowledgement."""

    def __init__(self, errno, reason):
        super().__init__(errno, os.strerror(errno))
        self.reason = reason

    def __str__(self):
        return f"{self.strerror} ({self.reason or 'no reason given'})"


def pack(attributes):
    """Attributes from (type, value) pairs: an int is a u32, bytes are themselves, a list nests."""
    out = b""
    for kind, value in attributes:
        if isinstance(value, list):
            kind, data = kind | NLA_F_NESTED, pack(value)
        elif isinstance(value, int):
            data = struct.pack("=I", value)
        elif isinstance(value, str):
            data = value.encode() + b"\0"
        else:
            data = value
        out += struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)
    return out


def unpack(data):
    """The attributes as a dictionary of bytes; of repeated ones the last."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & NLA_TYPE_MASK] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def u32(data):
    return int.from_bytes(data[:4], "little")


class Family:
    """One generic netlink family on a socket of its own; what it bound goes with close()."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.id = GENL_ID_CTRL
        answer = self.call(CTRL_CMD_GETFAMILY, [(CTRL_ATTR_FAMILY_NAME, name)])
        self.id = int.from_bytes(answer[0][CTRL_ATTR_FAMILY_ID][:2], "little")

    def close(self):
        self.socket.close()

    def call(self, command, attributes=(), dump=False):
        """The attributes of every answer; raises Refused."""
        body = struct.pack("=BBH", command, 1, 0) + pack(attributes)
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        self.socket.send(struct.pack("=IHHII", len(body) + 16, self.id, flags, 1, 0) + body)
        answers = []
        while True:
            data = self.socket.recv(1 << 16)
            while data:
                length, kind, flags = struct.unpack_from("=IHH", data)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    self.check(data[16:length], flags)
                    return answers
                answers.append(unpack(data[20:length]))
                data = data[(length + 3) & ~3:]

    @staticmethod
    def check(data, flags):
        error = struct.unpack_from("=i", data)[0] if len(data) >= 4 else 0
        if error < 0:
            # struct nlmsgerr: the error and the head of the request, then the attributes.
            found = unpack(data[20:]) if flags & NLM_F_ACK_TLVS else {}
            raise Refused(-error, found.get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode())
