#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What zc0 refuses it refuses with a reason, in the VM: ethtool and bind calls over netlink."""
import contextlib
import fcntl
import os
import struct

from guest import (BIND_RX, CHANNELS_COMBINED, CHANNELS_RX, CHANNELS_SET, DMABUF_FD,
                   DMABUF_IFINDEX, DMABUF_QUEUES, QUEUE_ID, QUEUE_TYPE, RINGS_RX, RINGS_RX_BUF_LEN,
                   RINGS_SET, RINGS_SPLIT, RINGS_THRESH, RINGS_TX, RSS_INDIR, RSS_SET, SPLIT_OFF,
                   SPLIT_ON, Failed, Skip, Tally, data_split, do, ethtool_set, ifindex, IFNAME,
                   only_in_guest, queues_bound, steered, until)
from netlink import Family, Refused
from xdp import BPF_F_XDP_HAS_FRAGS, xdp

QUEUE, QUEUE_TYPE_RX = 3, 0
BYTES = 1 << 20
UDMABUF_CREATE = 0x40187542


def udmabuf():
    memfd = os.memfd_create("area", os.MFD_ALLOW_SEALING)
    os.truncate(memfd, BYTES)
    fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    try:
        device = os.open("/dev/udmabuf", os.O_RDWR)
    except OSError as e:
        raise Skip(f"/dev/udmabuf: {e.strerror}") from e
    try:
        # Of a bytearray the ioctl gives its own result: the new descriptor.
        return fcntl.ioctl(device, UDMABUF_CREATE, bytearray(struct.pack("=IIQQ", memfd, 0, 0, BYTES)))
    finally:
        os.close(device)
        os.close(memfd)


def bind(netdev, queue, queue_type=QUEUE_TYPE_RX):
    fd = udmabuf()
    try:
        netdev.call(BIND_RX, [(DMABUF_IFINDEX, ifindex()), (DMABUF_FD, fd),
                              (DMABUF_QUEUES, [(QUEUE_TYPE, queue_type), (QUEUE_ID, queue)])])
    finally:
        os.close(fd)


@contextlib.contextmanager
def nothing():
    data_split()
    yield


@contextlib.contextmanager
def split(on, thresh):
    data_split(on, thresh)
    yield
    data_split()


@contextlib.contextmanager
def bound():
    data_split()
    netdev = Family("netdev")
    try:
        bind(netdev, QUEUE)
        yield
    finally:
        netdev.close()
        until("the queue is free again", lambda: not queues_bound())


@contextlib.contextmanager
def under_xdp(on, flags):
    data_split(on)
    with xdp(flags):
        yield


@contextlib.contextmanager
def steered_to_last():
    do("ethtool", "-X", IFNAME, "equal", "1")
    try:
        with steered(5400, QUEUE, (4,)):
            yield
    finally:
        do("ethtool", "-X", IFNAME, "default")


@contextlib.contextmanager
def spread_over_all():
    do("ethtool", "-X", IFNAME, "equal", str(QUEUE + 1))
    try:
        yield
    finally:
        do("ethtool", "-X", IFNAME, "default")


def bind_call(queue):
    def call():
        netdev = Family("netdev")
        try:
            bind(netdev, queue)
        finally:
            netdev.close()
    return call


def set_call(command, *attributes):
    return lambda: ethtool_set(command, *attributes)


# What is asked for, in which state of the interface, how, and words of the reason.
REFUSALS = [
    ("bind without tcp-data-split", lambda: split(False, 0), bind_call(QUEUE),
     "tcp-data-split is disabled"),
    ("bind with a hds-thresh", lambda: split(True, 64), bind_call(QUEUE), "hds-thresh is not zero"),
    ("bind a bound queue", bound, bind_call(QUEUE), "already memory provider bound"),
    ("bind under XDP", lambda: under_xdp(True, BPF_F_XDP_HAS_FRAGS), bind_call(QUEUE), "XDP program attached"),
    ("tcp-data-split off while bound", bound, set_call(RINGS_SET, (RINGS_SPLIT, SPLIT_OFF)),
     "can't disable tcp-data-split"),
    ("hds-thresh while bound", bound, set_call(RINGS_SET, (RINGS_THRESH, 64)), "hds_thresh"),
    ("tcp-data-split under XDP", lambda: under_xdp(False, 0),
     set_call(RINGS_SET, (RINGS_SPLIT, SPLIT_ON)), "single buffer XDP"),
    ("a huge receive ring", nothing, set_call(RINGS_SET, (RINGS_RX, 1 << 30)), "exceeds maximum"),
    ("a huge transmit ring", nothing, set_call(RINGS_SET, (RINGS_TX, 1 << 30)), "exceeds maximum"),
    ("a receive ring of 1", nothing, set_call(RINGS_SET, (RINGS_RX, 1)), "at least"),
    ("a huge hds-thresh", nothing, set_call(RINGS_SET, (RINGS_THRESH, 1 << 30)), "exceeds maximum"),
    ("another rx-buf-len", nothing, set_call(RINGS_SET, (RINGS_RX_BUF_LEN, 8192)), "not supported"),
    ("no channels", nothing, set_call(CHANNELS_SET, (CHANNELS_COMBINED, 0)), "no RX or TX channel"),
    ("too many channels", nothing, set_call(CHANNELS_SET, (CHANNELS_COMBINED, 999)),
     "exceeds maximum"),
    ("receive-only channels", nothing, set_call(CHANNELS_SET, (CHANNELS_RX, 1)), "exceeds maximum"),
    ("channels below a bound queue", bound, set_call(CHANNELS_SET, (CHANNELS_COMBINED, QUEUE)),
     "memory provider"),
    ("channels below a steered queue", steered_to_last,
     set_call(CHANNELS_SET, (CHANNELS_COMBINED, QUEUE)), "ntuple"),
    ("channels below the indirection table", spread_over_all,
     set_call(CHANNELS_SET, (CHANNELS_COMBINED, QUEUE)), "indirection table"),
    ("an indirection table beyond the queues", nothing,
     set_call(RSS_SET, (RSS_INDIR, struct.pack("=I", 99) * 8)), "queue out of range"),
]


def refused(state, call, words):
    with state():
        try:
            call()
        except Refused as e:
            if words not in e.reason:
                raise Failed(f"{e}, expected: {words}") from e
            print(f"   {e}")
            return
    raise Failed("was not refused")


def main():
    only_in_guest()
    tally = Tally()
    for name, state, call, words in REFUSALS:
        tally.run(name, refused, state, call, words)
    tally.exit()


main()
