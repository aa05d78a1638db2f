#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's own self-test programs over zcnic, in the VM: ncdevmem and iou-zcrx."""
import subprocess
import tempfile

from guest import (IFNAME, LOCAL, PEER, REMOTE, Failed, Skip, Tally, data_split, do, listening,
                   only_in_guest, program, queues_bound, steered, until)

QUEUE = 3
# What ncdevmem -v 7 expects: the bytes 1 to 6 and a newline, over and over.
PATTERN = bytes([1, 2, 3, 4, 5, 6, 10])
LARGE_CHUNKS_MISSING = 42


def socat(address, version):
    return f"TCP{version}:[{address}]" if version == 6 else f"TCP4:{address}"


def run_pair(server, port, client, data=b"", server_namespace=(), client_namespace=PEER):
    """Starts the server, then the client with data as its input; both must succeed. Returns the
    server's standard output and error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([*server_namespace, *server], stdout=out, stderr=err)
        try:
            until(f"{server[0]} listens",
                  lambda: process.poll() is not None or listening(port, server_namespace))
            if process.poll() is None:
                sent = subprocess.run([*client_namespace, *client], input=data, timeout=60,
                                      capture_output=True, check=False)
            process.wait(60)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        said, errors = (f.read().decode(errors="replace") for f in (out, err))
    if process.returncode:
        raise Failed(f"{server[0]}: status {process.returncode}: {errors[-400:]}")
    if sent.returncode:
        raise Failed(f"{client[0]}: {sent.stderr.decode(errors='replace')[-400:]}")
    return said, errors


def ncdevmem_selftest():
    do(program("ncdevmem"), "-f", IFNAME)


def received_all(err, size):
    if "Failed validation" in err:
        raise Failed(f"wrong data: {err[-400:]}")
    if f"total_received={size}," not in err:
        raise Failed(f"not all {size} bytes came: {err[-400:]}")


def ncdevmem_receive(version):
    port, data = 5200 + version, PATTERN * 150000
    server = [program("ncdevmem"), "-l", "-f", IFNAME, "-s", LOCAL[version], "-p", str(port),
              "-c", REMOTE[version], "-v", "7", "-L"]
    client = ["socat", "-u", "-", f"{socat(LOCAL[version], version)}:{port},"
              f"bind={socat(REMOTE[version], version).split(':', 1)[1]}:{port}"]
    received_all(run_pair(server, port, client, data)[1], len(data))


def ncdevmem_transmit(version, *options):
    port, data = 5210 + version, b"".join(b"%06d " % i * 300 + b"\n" for i in range(64))
    server = ["socat", "-u", f"TCP{version}-LISTEN:{port},reuseaddr", "-"]
    client = [program("ncdevmem"), "-f", IFNAME, "-s", REMOTE[version], "-p", str(port), *options]
    out = run_pair(server, port, client, data, PEER, ())[0]
    if out != data.decode():
        raise Failed(f"{len(out)} bytes came, {len(data)} were sent, and they differ")


def ncdevmem_both(version):
    """From device memory into device memory; a line is a message, and waits for its completion."""
    port, data = 5220 + version, PATTERN * 50
    server = [program("ncdevmem"), "-l", "-f", IFNAME, "-s", LOCAL[version], "-p", str(port), "-v", "7"]
    client = [program("ncdevmem"), "-f", "zc1", "-s", LOCAL[version], "-p", str(port)]
    received_all(run_pair(server, port, client, data)[1], len(data))


def zcrx(version, server_options=(), client_options=()):
    port = 5230 + version
    server = [program("iou-zcrx"), "-s", "-p", str(port), "-i", IFNAME, "-q", str(QUEUE),
              *server_options]
    client = [program("iou-zcrx"), "-c", "-h", LOCAL[version], "-p", str(port), *client_options]
    data_split()
    with steered(port, QUEUE, (version,)):
        run_pair(server, port, client)
    until("the queue is free again", lambda: not queues_bound())


def zcrx_large(version):
    with open("/proc/sys/vm/nr_hugepages", "r+", encoding="ascii") as f:
        f.write("64")
    data_split()
    probe = subprocess.run([program("iou-zcrx"), "-s", "-p", "1", "-i", IFNAME, "-q", str(QUEUE),
                            "-x", "2", "-d"], capture_output=True, text=True, check=False)
    if probe.returncode == LARGE_CHUNKS_MISSING and "huge" in probe.stdout:
        raise Skip(probe.stdout.strip())
    until("the queue is free again", lambda: not queues_bound())
    zcrx(version, ["-x", "2"], ["-l", "12840"])


def main():
    only_in_guest()
    tally = Tally()
    tally.run("ncdevmem, self-test", ncdevmem_selftest)
    for version in (4, 6):
        ip = f"IPv{version}"
        tally.run(f"ncdevmem, receive with validation, {ip}", ncdevmem_receive, version)
        tally.run(f"ncdevmem, transmit, {ip}", ncdevmem_transmit, version)
        tally.run(f"ncdevmem, transmit in chunks, {ip}", ncdevmem_transmit, version, "-z", "97")
        tally.run(f"ncdevmem to ncdevmem, {ip}", ncdevmem_both, version)
        tally.run(f"iou-zcrx, {ip}", zcrx, version, (), ("-l", "12840"))
        tally.run(f"iou-zcrx, one-shot, {ip}", zcrx, version, ("-o", "4"),
                  ("-l", "4096", "-z", "16384"))
        tally.run(f"iou-zcrx, large chunks, {ip}", zcrx_large, version)
    tally.exit()


main()
