#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcnic's faults do what they say, and what can survive them does, in the VM. Also the proof that
the receivers notice wrong data."""
import contextlib
import os

from guest import (IFNAME, Failed, Skip, Tally, data_split, only_in_guest, quiet, steered,
                   transfer)

FAULTS = f"/sys/kernel/debug/zcnic/{IFNAME}"
QUEUE = 1
BYTES = 8 << 20
# The fault, way and memory, and words of the receiver's complaint; None: everything arrives.
CASES = [
    ("drop_every", 100, "devmem", "udmabuf", None),
    ("drop_every", 100, "zcrx", "udmabuf", None),
    ("alloc_fail_every", 50, "devmem", "udmabuf", None),
    ("alloc_fail_every", 50, "zcrx", "plain", None),
    ("unsplit_every", 20, "zcrx", "plain", None),
    ("unsplit_every", 20, "devmem", "udmabuf", "without a word on where"),
    ("unsplit_every", 20, "zcrx", "udmabuf", "Cannot allocate memory"),
    ("linear_payload", 16, "zcrx", "plain", None),
    ("linear_payload", 16, "devmem", "udmabuf", "not in the dma-buf"),
    ("no_dma", "Y", "devmem", "udmabuf", "wrong data"),
    ("no_dma", "Y", "zcrx", "plain", "wrong data"),
]


@contextlib.contextmanager
def fault(name, value):
    path = os.path.join(FAULTS, name)
    if not os.path.exists(path):
        raise Skip(f"no {path}")

    def write(text):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    write(str(value))
    try:
        yield
    finally:
        write("0")


def with_fault(name, value, way, memory, complaint, port):
    with steered(port, QUEUE), fault(name, value):
        try:
            transfer(way, port, BYTES, memory=memory, queue=QUEUE)
        except Failed as e:
            if complaint is None or complaint not in str(e):
                raise
        else:
            if complaint:
                raise Failed(f"went through, expected: {complaint}")
    quiet()


def main():
    only_in_guest()
    data_split()
    tally = Tally()
    for port, (name, value, way, memory, complaint) in enumerate(CASES, 5500):
        tally.run(f"{name}, {way}, {memory}", with_fault, name, value, way, memory, complaint, port)
    tally.exit()


main()
