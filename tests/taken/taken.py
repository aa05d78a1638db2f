#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pump that was taken over, and the client that nobody can end, on the guest's kernel."""
import os
import subprocess
import sys

from guest import only_in_guest, remade

only_in_guest()
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/kernel/yama/ptrace_scope", "w", encoding="ascii") as f:
    f.write("0")
subprocess.run(["modprobe", "fuse"], check=False)
tests = os.path.join(os.environ["ZCRX_BUILD_DIR"], "tests")
remade(8)
room = {**os.environ, "ZCRX_DAEMON": os.path.join(tests, "taken", "room", "zcrxd")}
done = [subprocess.run([os.path.join(tests, *program)], check=False, env=environment)
        for program, environment in ((("taken", "test-taken.pump"), room), (("taken", "taken-ring"), room),
                                     (("hostile", "test-hostile.held"), None))]
sys.exit(1 if any(d.returncode for d in done) else 0)
