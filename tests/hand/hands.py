#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hands where there are a NIC for zero copy and Yama: with a NIC's queue, and without root's privilege."""
import os
import subprocess

from guest import Failed, IFNAME, Tally, data_split, do, only_in_guest

BUILD = os.environ["ZCRX_BUILD_DIR"]
# As zcrxd runs: a user of its own, whose programs keep two capabilities.
AS_ZCRXD = ["setpriv", "--reuid", "64997", "--regid", "64997", "--clear-groups", "--no-new-privs",
            "--inh-caps", "-all,+net_admin,+ipc_lock", "--ambient-caps", "-all,+net_admin,+ipc_lock"]
YAMA = "/proc/sys/kernel/yama/ptrace_scope"


def program(name, *arguments):
    return [os.path.join(BUILD, "tests", "hand", "test-daemon." + name), *arguments]


ALL = [program("hand"), program("hand_given"), program("hand_stuck")]


def yama(scope):
    with open(YAMA, "w", encoding="ascii") as f:
        f.write(str(scope))


def cases(programs, runs, prefix=(), **environment):
    """Their cases; as many as `runs` have to be run, and none skipped but those said."""
    good, failed = 0, 0
    for command in programs:
        result = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False,
                                env={**os.environ, "ZCRX_HAND": os.path.join(BUILD, "daemon", "zcrx-hand"),
                                     **environment})
        output = result.stdout + result.stderr
        print(output, flush=True)
        good += sum("       OK ]" in line for line in output.splitlines())
        failed += result.returncode != 0
    if failed or good != runs:
        raise Failed(f"{good} of {runs} cases passed")


def all_as_root():
    do("modprobe", "fuse", check=False)
    has_fuse = os.path.exists("/dev/fuse")
    cases(ALL, 14 if has_fuse else 13, ZCRX_HAND_NIC=IFNAME)


def as_zcrxd(scope):
    yama(scope)
    cases(ALL, 10, AS_ZCRXD, ZCRX_HAND_NIC=IFNAME)


def forbidden(scope):
    yama(scope)
    cases([program("hand_given", "names_yama_where_it_forbids")], 1, AS_ZCRXD)


only_in_guest()
do("ip", "link", "set", "lo", "up")
data_split()
tally = Tally()
yama(0)
tally.run("as root", all_as_root)
for allowed in 0, 1:
    tally.run(f"as zcrxd runs, ptrace_scope {allowed}", as_zcrxd, allowed)
for forbids in 2, 3:  # the last: it stays
    tally.run(f"ptrace_scope {forbids} is named", forbidden, forbids)
tally.exit()
