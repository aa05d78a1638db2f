#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pump that was taken over, and the client that nobody can end, on the guest's kernel."""
import os
import subprocess
import sys

from guest import only_in_guest

only_in_guest()
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/kernel/yama/ptrace_scope", "w", encoding="ascii") as f:
    f.write("0")
subprocess.run(["modprobe", "fuse"], check=False)
tests = os.path.join(os.environ["ZCRX_BUILD_DIR"], "tests")
taken = subprocess.run([os.path.join(tests, "taken", "test-taken.pump")], check=False,
                       env={**os.environ, "ZCRX_DAEMON": os.path.join(tests, "taken", "room", "zcrxd")})
held = subprocess.run([os.path.join(tests, "hostile", "test-hostile.held")], check=False)
sys.exit(1 if taken.returncode or held.returncode else 0)
