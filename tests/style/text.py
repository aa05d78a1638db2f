#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every text file names its licence, and none depends on where somebody happens to work.

Licence: a line in the first five; GPL-2.0-only below kernel/, MIT elsewhere.
Places: no absolute path but those every system has, no mirror's host name, no trailing blanks.
"""
import re

from tree import files, finish, text

LICENCE_TEXTS = ("LICENSE", "kernel/COPYING")
PATTERNS = (".gitignore",)
DATA = re.compile(r"(^|/)corpus/|\.(sha256|golden|json)$")
SPDX = re.compile(r"SPDX-License-Identifier\"?: \"?([A-Za-z0-9.-]+)")
# A path begins where nothing of a longer path, a URL or a word stands before it.
PATH = re.compile(r"(?<![\w./*$}>)~:@<-])(?<![\w}][\"'])/([a-z][a-z0-9_-]*)/")
SYSTEM = set("bin boot dev etc lib media mnt nonexistent opt proc run sbin srv sys tmp usr var".split())
MIRROR = re.compile(r"//[\w.-]*debian\.[a-z]+")


def problems_of(name, content):
    if name not in LICENCE_TEXTS and not DATA.search(name):
        want = "GPL-2.0-only" if name.startswith("kernel/") else "MIT"
        found = SPDX.search("\n".join(content.splitlines()[:5]))
        if not found:
            yield f"{name}:1: no SPDX-License-Identifier"
        elif found[1] != want:
            yield f"{name}:1: licence {found[1]}, should be {want}"
    for number, line in enumerate(content.splitlines(), 1):
        if name not in PATTERNS and any(m not in SYSTEM for m in PATH.findall(line)):
            yield f"{name}:{number}: a path of one machine only: {line.strip()}"
        if MIRROR.search(line):
            yield f"{name}:{number}: a mirror is hard-coded: {line.strip()}"
        if line != line.rstrip() and name not in LICENCE_TEXTS:
            yield f"{name}:{number}: trailing blanks"


checked = [(n, t) for n in files() if (t := text(n)) is not None]
finish([p for n, t in checked for p in problems_of(n, t)], f"{len(checked)} text files")
