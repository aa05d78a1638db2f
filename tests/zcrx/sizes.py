#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The largest areas of each backend, in the VM. --full: received into up to the limit, every byte
compared; that needs a guest of 7 GiB."""
import os
import sys

from service import COPY, DEVMEM, ZCRX, Failed, Service, expect, transfer, uncomplaining, zero_copy
from guest import Skip, Tally, only_in_guest

sys.path.append(os.path.join(os.environ.get("ZCRX_SOURCE_DIR", "."), "tests", "python"))
from client import Connection, Refused, memfd  # noqa: E402  (where it lies is known only now)

GIB, MIB, PAGE = 1 << 30, 1 << 20, os.sysconf("SC_PAGESIZE")
MEMFD, NO_COPY = 1, 1
ZCRX_MAX = 4 * GIB
TOO_LARGE = "The backend zcrx receives into areas of at most 4 GiB; take a smaller one, or several."
CLASSES = "[class default]\nnics=zc0\narea-bytes=1T\n"


def sparse(connection, size):
    """An area that has no memory yet; its id."""
    fd = memfd(size)
    try:
        return connection.request("AREA_ADD", [fd], length=size, kind=MEMFD)[0]["area_id"]
    finally:
        os.close(fd)


def too_large(service, size):
    """Not for zcrx; without it being asked for, the next backend takes it and says why."""
    with Connection(service.socket) as connection:
        area = sparse(connection, size)
        for options in {"backend": ZCRX}, {"backend": ZCRX, "flags": NO_COPY}, {"flags": NO_COPY}:
            try:
                connection.request("QUEUE_OPEN", area_id=area, **options)
            except Refused as e:
                expect("refused for its size", (e.reason, e.text) == ("BACKEND", TOO_LARGE), e)
                continue
            raise Failed(f"{size} bytes by zcrx")
        given, fds = connection.request("QUEUE_OPEN", area_id=area)
        expect("copied, with the reason", (given["backend"], given["why_text"]) == (COPY, TOO_LARGE), given)
        for fd in fds:
            os.close(fd)


def at_the_limit(service):
    got = transfer(service, 26000, 4, 4 * MIB, options=(f"area={ZCRX_MAX}", f"backend={ZCRX}"))
    zero_copy(got, 0.9)
    expect("its last bytes, too", got["off_most"] >= ZCRX_MAX - 16 * MIB, got)


def devmem_beyond(service):
    """What devmem does above 4 GiB: docs/areas.md says it."""
    with open("/sys/module/udmabuf/parameters/size_limit_mb", "w", encoding="ascii") as f:
        f.write("8192")
    size = ZCRX_MAX + 256 * MIB
    got = transfer(service, 26001, 4, 4 * MIB,
                   options=(f"area={size}", f"backend={DEVMEM}", "memory=udmabuf"))
    expect("devmem", got["backend"] == DEVMEM and got["bytes_copied"] < got["bytes"] / 10, got)
    expect("beyond 4 GiB", got["off_most"] >= ZCRX_MAX, got)


def huge_pages_of_1_gib(service):
    path = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
    if not os.path.exists(path):
        raise Skip("this machine has no pages of 1 GiB")
    with open(path, "w", encoding="ascii") as f:
        f.write("2")
    for backend in ZCRX, COPY:
        got = transfer(service, 26010 + backend, 4, 4 * MIB,
                       options=(f"area={GIB}", "huge=30", f"backend={backend}"))
        expect("the backend asked for", got["backend"] == backend, got)
    with Connection(service.socket) as connection:
        fd = memfd(GIB, os.MFD_HUGETLB | os.MFD_HUGE_1GB)
        try:
            connection.request("AREA_ADD", [fd], length=GIB - 2 * MIB, kind=MEMFD)
        except Refused as e:
            expect("a part of it is none", e.reason == "AREA_SIZE" and str(GIB) in e.text, e)
        else:
            raise Failed("a part of a huge page is an area")
        os.close(fd)


def main():
    only_in_guest()
    tally = Tally()
    with Service(classes=CLASSES) as service:
        for size in ZCRX_MAX + PAGE, 2 * ZCRX_MAX, 1 << 39:
            tally.run(f"{size} bytes are too many for zcrx", too_large, service, size)
        if "--full" in sys.argv:
            tally.run("pages of 1 GiB", huge_pages_of_1_gib, service)
            tally.run("4 GiB by zcrx", at_the_limit, service)
            tally.run("more than 4 GiB by devmem", devmem_beyond, service)
        tally.run("zcrxd ends", service.end)
    tally.run("the kernel has no complaint", uncomplaining)
    tally.exit()


main()
