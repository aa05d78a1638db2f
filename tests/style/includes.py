#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include direction only goes down.

0. A header of ours is named by its path from the project's root, in quotes; the library's public headers are
   <zcrx.h> and <zcrx-mem.h> for whoever is not the library.
1. A folder includes only itself and the folders and modules listed for it.
2. The modules (x.c with x.h) form no circle: what is included never includes back.
3. Some modules must not know others at all, however the graph happens to look.
4. A library that is wrapped is included by few modules only.
5. Some system calls belong to one module: memory is mapped and unmapped by proto/mapping.h, which maps nothing that
   it cannot unmap; daemon/common/loop owns epoll.
"""
import os
import re

from tree import files, finish, text

# The most particular folder that a file lies in counts. kernel/ is built by the kernel's own rules.
FOLDERS = {
    "base": (),
    "proto": ("base",),
    "nic": ("base", "proto/addr"),
    "lib": ("base", "proto"),
    "policy": ("base", "proto", "nic"),
    "daemon/common": ("base", "proto"),
    "daemon/grant": ("base", "proto", "nic", "policy", "daemon/common"),
    "daemon/link": ("base", "proto", "policy", "daemon/common"),
    # It implements the headers of daemon/grant.
    "daemon/ask": ("base", "proto", "nic", "policy", "daemon/common", "daemon/link", "daemon/grant"),
    "daemon/backend": ("base", "proto", "nic", "daemon/common", "daemon/grant/account", "daemon/grant/attach",
                       "daemon/grant/files", "daemon/grant/kept", "daemon/grant/udmabuf"),
    "daemon/pump": ("base", "proto", "nic", "policy", "daemon/common", "daemon/link", "daemon/ask", "daemon/backend",
                    "daemon/grant"),
    "daemon/hand": ("base", "proto", "nic", "daemon/common", "daemon/grant/socket_facts"),
    "daemon/broker": ("base", "proto", "nic", "policy", "daemon/common", "daemon/link", "daemon/grant",
                      "daemon/hand/job"),
    "tools": ("base", "lib", "proto", "nic", "policy"),
    "examples": ("lib",),
    "bench": ("base", "lib", "nic", "daemon/backend/devmem"),
}
PUBLIC = {"zcrx.h": "lib/zcrx.h", "zcrx-mem.h": "lib/mem/zcrx-mem.h"}
# (modules, what they never include)
BLIND = (
    (r"daemon/pump/session", r"nic/.*"),
    (r"policy/.*", r"nic/(?!queues|holes|nic$).*"),
    (r"tools/(?!ctl/(zcrxctl|status|policy)$).*", r"proto/(msg|reason|ring)"),
)
# system header -> at most this many modules of the project include it. netlink/: one for connections, one for requests,
# one for attributes. sockios.h: one for ethtool, one for the network namespace of a socket, one for what waits in a socket.
WRAPPED = {"netlink/": 3, "xf86drm": 1, "linux/sockios.h": 3, "systemd/sd-bus": 0}
# (folders, what they never call, who does it for them)
CALLS = (
    (("lib", "daemon"), r"\bm(?:un)?map\((?!2\))", "proto/mapping"),
    (("daemon",), r"\bepoll_\w+\((?!2\))", "daemon/common/loop"),
)

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def module(name):
    return os.path.splitext(name)[0]


def folder(name):
    """The key of FOLDERS that the file belongs to, or None."""
    within = [f for f in FOLDERS if name.startswith(f + "/")]
    return max(within, key=len, default=None)


def circle(graph):
    """One circle in the graph as a list of modules, or None."""
    state, trail = {}, []

    def visit(node):
        state[node] = 1
        trail.append(node)
        for after in sorted(graph.get(node, ())):
            if state.get(after) == 1:
                return trail[trail.index(after):] + [after]
            if after not in state and (c := visit(after)):
                return c
        state[node] = 2
        trail.pop()
        return None

    for node in sorted(graph):
        if node not in state and (c := visit(node)):
            return c
    return None


def check_one(name, target, problems):
    """Rules 1 and 3 for one include."""
    own, other = folder(name), folder(target)
    if other != own and other not in FOLDERS[own] and module(target) not in FOLDERS[own]:
        problems.append(f"{name}: {own}/ must not include {target}")
    for who, what in BLIND:
        if re.fullmatch(who, module(name)) and re.fullmatch(what, module(target)):
            problems.append(f"{name}: must not know {target}")


def main():
    everything = [n for n in files(".c", ".h") if not n.startswith("kernel/")]
    sources = [n for n in everything if folder(n)]
    headers = {n for n in everything if n.endswith(".h")}
    problems, graph, users = [], {}, {w: set() for w in WRAPPED}
    for name in everything:
        for ours, system in INCLUDE.findall(text(name)):
            target = ours if ours in headers else PUBLIC.get(system)
            if ours and not target and not ours.endswith(".inc"):
                problems.append(f'{name}: "{ours}" is no header of ours by its path from the root')
            if name not in sources:
                continue
            for wrapped in WRAPPED:
                if system.startswith(wrapped):
                    users[wrapped].add(module(name))
            if not target:
                continue
            check_one(name, target, problems)
            if module(target) != module(name):
                graph.setdefault(module(name), set()).add(module(target))
        for folders, call, owner in CALLS:
            if name.split("/")[0] in folders and module(name) != owner and (m := re.search(call, text(name))):
                problems.append(f"{name}: {m[0]}) is for {owner}")
    for wrapped, limit in WRAPPED.items():
        if len(users[wrapped]) > limit:
            problems.append(f"<{wrapped}> is included by more than {limit} module: "
                            + ", ".join(sorted(users[wrapped])))
    if c := circle(graph):
        problems.append("includes go in a circle: " + " -> ".join(c))
    finish(problems, f"{len(everything)} sources")


main()
