# SPDX-License-Identifier: MIT
"""An XDP program, by the bpf system call alone."""
import contextlib
import ctypes
import os
import struct

from guest import Skip, ifindex

SYS_BPF, BPF_PROG_LOAD, BPF_LINK_CREATE = 321, 5, 28
BPF_PROG_TYPE_XDP, BPF_XDP, XDP_FLAGS_SKB_MODE, BPF_F_XDP_HAS_FRAGS = 6, 37, 2, 1 << 5
XDP_PASS_PROGRAM = struct.pack("=QQ", 0x2_0000_00B7, 0x95)  # r0 = XDP_PASS; exit


def bpf(command, attributes):
    data = ctypes.create_string_buffer(attributes, 128)
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, command, data, 128)
    if fd < 0:
        raise Skip(f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return fd


@contextlib.contextmanager
def xdp(flags):
    """An XDP program on zc0 that passes everything, as long as this lasts."""
    code, licence = ctypes.create_string_buffer(XDP_PASS_PROGRAM), ctypes.create_string_buffer(b"MIT")
    program = bpf(BPF_PROG_LOAD, struct.pack("=IIQQIIQII", BPF_PROG_TYPE_XDP, 2,
                                             ctypes.addressof(code), ctypes.addressof(licence),
                                             0, 0, 0, 0, flags))
    link = bpf(BPF_LINK_CREATE, struct.pack("=IIII", program, ifindex(), BPF_XDP,
                                            XDP_FLAGS_SKB_MODE))
    try:
        yield
    finally:
        os.close(link)
        os.close(program)
