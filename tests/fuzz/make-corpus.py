#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the fuzz targets into corpus/, one small file for each."""
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
SIZES = {1: 64, 2: 32, 3: 24, 4: 64, 5: 24, 6: 24, 7: 80, 8: 24, 9: 24,
         64: 80, 65: 184, 66: 272}


def write(target, name, content):
    folder = os.path.join(ROOT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)


def messages():
    for number, size in SIZES.items():
        serial = 0 if number >= 64 else 1
        nfds = 1 if number in (2, 6) else 0
        for label, extra, tail in (("exact", 0, b""), ("grown", 8, b"\0" * 8),
                                   ("unknown", 8, b"\1" * 8), ("cut", -8, b"")):
            header = struct.pack("=IHHIi", size + extra, number, nfds, serial, 0)
            body = (header + b"\0" * size)[:size + min(extra, 0)] + tail
            write("msg", f"{number}-{label}", bytes([nfds]) + body)


REQUEST, DATAGRAM, RING, TRAFFIC, CHANNEL = 0, 4, 5, 6, 7


def request(number, kinds=0, mutations=()):
    head = next(h for h in range(256) if 1 + h % 9 == number and h >> 6 == len(mutations))
    return bytes([REQUEST, head, kinds]) + b"".join(
        struct.pack(">BI", where, what) for where, what in mutations)


def sessions():
    open_queue = request(1) + request(2) + request(4)
    adopt, listen = request(6, 2), request(6, 3)
    data, again = bytes([TRAFFIC, 0x40]), bytes([TRAFFIC, 0xc0])
    fin, reset = bytes([TRAFFIC, 0]), bytes([TRAFFIC, 0x20])
    read = bytes([CHANNEL, 0])
    jump = bytes([RING]) + struct.pack(">II", 0, 1 << 31)
    refill = bytes([RING]) + struct.pack(">II", 4096, 3)
    seeds = {
        "hello": request(1), "twice": request(1) * 2, "early": request(4),
        "queue": open_queue, "close": open_queue + request(5) + request(3),
        "stream": open_queue + adopt + data * 3 + fin + read,
        "reset": open_queue + adopt + data + reset + read * 2 + request(9),
        "pause": open_queue + adopt + request(8, 0, [(0, 1)]) + data + request(8) + read,
        "listener": open_queue + listen + again * 3 + read * 4 + request(9),
        "host": open_queue + request(7), "rings": open_queue + adopt + data + jump + refill + data,
        "fds": request(1) + b"".join(request(2, k) for k in range(8)),
        "sockets": open_queue + b"".join(request(6, k) for k in range(8)),
        "hangup": open_queue + adopt + data + bytes([CHANNEL, 0x80]) + data,
        "garbage": bytes([DATAGRAM, 20]) + bytes(range(40)) + open_queue,
        "busy": open_queue + request(3) + request(4), "quota": request(1) + request(2) * 3 + request(4) * 4,
        "abort": open_queue + adopt + data + request(9, 0, [(0, 1)]) + read,
    }
    for name, content in seeds.items():
        write("session", name, content)


def configs():
    texts = {
        "full": "[sockets]\nclients=/tmp/a\nstatus=/tmp/b\nmode=0600\ngroup=users\n"
                "[limits]\nsessions=1\nqueues=2\nflows=3\narea-bytes=64M\nrequests-per-second=9\n"
                "[policy]\nhost-flows=yes\n",
        "unknown": "[limits]\ncows=1\n", "section": "[cows]\nflows=1\n", "empty": "",
        "value": "[limits]\nflows=many\narea-bytes=18446744073709551615T\n", "text": "not ini\n",
        "long": "[sockets]\nclients=" + "x" * 300 + "\n", "comment": "; nothing\n# at all\n",
        "flag": "[policy]\nhost-flows=maybe\n", "zero": "[limits]\nrequests-per-second=0\n",
    }
    for name, text in texts.items():
        write("config", name, text.encode())


messages()
sessions()
configs()
