#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's own Python suites over zcnic, in the VM: every case of theirs must pass."""
import os
import re
import subprocess

from guest import IFNAME, LOCAL, REMOTE, SELFTESTS, Failed, Tally, only_in_guest

# A suite with more patience: it waits 5 s for a server to listen, and emulation may take longer.
PATIENT = """
import runpy, sys
folder, name = sys.argv[1:]
sys.argv = [name]
sys.path.insert(0, folder)
from lib.py import wait_port_listen
wait_port_listen.__defaults__ = (*wait_port_listen.__defaults__[:-1], 60)
runpy.run_path(folder + "/" + name, run_name="__main__")
"""
RESULT = re.compile(r"^(not ok|ok) \d+ (\S+)(.*)$", re.M)


def suite(name):
    environment = {**os.environ, "NETIF": IFNAME, "REMOTE_TYPE": "netns", "REMOTE_ARGS": "tx",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    for version in (4, 6):
        environment[f"LOCAL_V{version}"] = LOCAL[version]
        environment[f"REMOTE_V{version}"] = REMOTE[version]
    done = subprocess.run(["python3", "-c", PATIENT, SELFTESTS, name], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    results = RESULT.findall(done.stdout)
    for verdict, case, rest in results:
        print(f"   {verdict} {case}{rest}")
    bad = [case for verdict, case, rest in results if verdict != "ok" or "#" in rest]
    if bad or not results or done.returncode:
        raise Failed(f"status {done.returncode}, not passed: {', '.join(bad)}\n{done.stdout}")


def main():
    only_in_guest()
    tally = Tally()
    for name in ("devmem.py", "iou-zcrx.py"):
        tally.run(name, suite, name)
    tally.exit()


main()
