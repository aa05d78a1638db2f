#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxctl doctor on zc0, in the VM: ready, and what it says when something is in the way."""
import contextlib
import json
import os
import subprocess

from guest import (IFNAME, LOCAL, STREAM, Failed, Tally, data_split, do, only_in_guest, program,
                   queues_bound, until)
from xdp import BPF_F_XDP_HAS_FRAGS, xdp

CTL = os.path.join(os.environ.get("ZCRX_BUILD_DIR", "build/dev"), "tools", "zcrxctl")
QUEUES = 4


@contextlib.contextmanager
def nothing():
    yield


@contextlib.contextmanager
def split_off():
    data_split(False)
    try:
        yield
    finally:
        data_split()


@contextlib.contextmanager
def all_bound():
    data_split()
    # ncdevmem spreads other traffic over the queues before its first one, so its first cannot be queue 0.
    commands = ([program("ncdevmem"), "-l", "-f", IFNAME, "-s", LOCAL[4], "-p", "5600", "-t", "1",
                 "-q", str(QUEUES - 1)],
                [STREAM, "zcrx", LOCAL[4], "5601", "1", "1", "plain", IFNAME, "0"])
    processes = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                 for c in commands]
    try:
        until("all queues are bound", lambda: len(queues_bound()) == QUEUES)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
        until("all queues are free", lambda: not queues_bound())
        do("ethtool", "-X", IFNAME, "default")


def under_xdp():
    return xdp(BPF_F_XDP_HAS_FRAGS)


def examined(hindrance, level, subject, verdict, words):
    """The NIC's level, and that the finding about the subject says the words and what to do."""
    with hindrance():
        text = subprocess.run([CTL, "doctor", "--json", IFNAME], stdout=subprocess.PIPE,
                              text=True, timeout=60, check=False).stdout
    nic = json.loads(text)["nics"][0]
    found = [f for f in nic["findings"] if f["subject"] == subject]
    if nic["level"] != level:
        raise Failed(f"level {nic['level']}, not {level}")
    if not any(f["verdict"] == verdict and words in f"{f['text']} {f['action']}" for f in found):
        raise Failed(f"no {verdict} with '{words}': {found}")


def main():
    only_in_guest()
    do("ethtool", "-K", IFNAME, "ntuple", "on")
    tally = Tally()
    for case in (
            ("ready", nothing, "ready", "queues", "ok", "free"),
            ("header split off", split_off, "ready", "header split", "later", "zcrxd turns it on"),
            ("all queues bound", all_bound, "copy", "queues", "NO", "ncdevmem"),
            ("XDP attached", under_xdp, "copy", "XDP", "FIX", "xdpgeneric off")):
        tally.run(case[0], examined, *case[1:])
    tally.exit()


main()
