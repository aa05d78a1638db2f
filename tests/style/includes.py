#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include direction only goes down.

1. A folder includes only itself and the folders and modules listed for it.
2. Inside a folder the modules (x.c with x.h) form no circle: what is included never includes back.
3. Some modules must not know others at all, however the graph happens to look.
4. A library that is wrapped is included by one module only.
5. Memory is mapped and unmapped by proto/mapping.h, which maps nothing that it cannot unmap.
"""
import os
import re

from tree import files, finish, text

FOLDERS = {
    "proto": (),
    "lib": ("proto",),
    "nic": (),
    "daemon": ("proto", "nic"),
    "tools": ("lib", "proto", "nic", "daemon/config", "daemon/config_file", "daemon/explain", "daemon/lists"),
    "examples": ("lib",),
    "bench": ("lib", "nic"),
}
# (folder, modules, what they never include)
BLIND = (
    ("daemon", r"(backend|copy|devmem|zcrx)\w*", r"session\w*|listener\w*|broker\w*|policy\w*"),
    ("daemon", r"session\w*", r"netlink\w*|ethtool\w*|nic\w*"),
    ("daemon", r"(policy|quota)\w*", r"session\w*|netlink\w*|ethtool\w*|pump\w*|queue\w*"),
    ("tools", r"(?!zcrxctl|status|policy)\w+", r"msg|reason|ring"),
)
# system header -> at most this many modules of the project include it. sockios.h: one for ethtool, one
# for the network namespace of a socket.
WRAPPED = {"netlink/": 1, "xf86drm": 1, "linux/sockios.h": 2, "systemd/sd-bus": 0}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def module(name):
    return os.path.splitext(name)[0]


def resolve(name, target, headers):
    """The project's header that `name` means by "target", or None."""
    beside = os.path.normpath(os.path.join(os.path.dirname(name), target))
    if beside in headers:
        return beside
    found = [h for h in headers if h == target or h.endswith("/" + target)]
    own = [h for h in found if h.split("/")[0] == name.split("/")[0]]
    return (own or found or [None])[0]


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
    top, base = name.split("/")[0], os.path.basename(module(name))
    to_top, to_base = target.split("/")[0], os.path.basename(module(target))
    if to_top != top and to_top not in FOLDERS[top] and module(target) not in FOLDERS[top]:
        problems.append(f"{name}: {top}/ must not include {target}")
    for folder, who, what in BLIND:
        if folder == top and re.fullmatch(who, base) and re.fullmatch(what, to_base):
            problems.append(f"{name}: must not know {target}")


def main():
    sources = [n for n in files(".c", ".h") if n.split("/")[0] in FOLDERS]
    headers = {n for n in sources if n.endswith(".h")}
    problems, graph, users = [], {}, {w: set() for w in WRAPPED}
    for name in sources:
        for ours, system in INCLUDE.findall(text(name)):
            for wrapped in WRAPPED:
                if system.startswith(wrapped):
                    users[wrapped].add(module(name))
            target = resolve(name, ours or system, headers)
            if not target:
                if ours:
                    problems.append(f'{name}: "{ours}" is not in the project: use <> for others')
                continue
            check_one(name, target, problems)
            if module(target) != module(name):
                graph.setdefault(module(name), set()).add(module(target))
        if name.split("/")[0] in ("lib", "daemon") and re.search(r"\bm(un)?map\((?!2\))", text(name)):
            problems.append(f"{name}: mmap() and munmap() are for proto/mapping.h")
    for wrapped, limit in WRAPPED.items():
        if len(users[wrapped]) > limit:
            problems.append(f"<{wrapped}> is included by more than {limit} module: "
                            + ", ".join(sorted(users[wrapped])))
    if c := circle(graph):
        problems.append("includes go in a circle: " + " -> ".join(c))
    finish(problems, f"{len(sources)} sources")


main()
