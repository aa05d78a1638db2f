#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/protocol.md and the headers of proto/ say the same.

usage: protocol_tables.py C-COMPILER
Sizes, offsets and types go through the compiler as static assertions; the lists of messages and
reasons are compared as text. Both ways: nothing may be missing from the document either.
"""
import os
import re
import subprocess
import sys
import tempfile

import tables

PROTO = os.path.join(tables.ROOT, "proto")
problems = []


def header(name):
    with open(os.path.join(PROTO, name), encoding="utf-8") as f:
        return f.read()


def expect(what, document, headers):
    if document != headers:
        problems.append(f"{what}: the document says {document}, the headers say {headers}")


def check_gaps():
    """A table accounts for every byte."""
    for s in tables.structs.values():
        at = 0
        for offset, kind, name in s.fields:
            expect(f"{s.name}.{name}: offset", offset, at)
            at += s.field_bytes(kind)
        expect(f"{s.name}: size", s.size, at)


def assertions():
    yield "#include <stddef.h>\n#include <linux/io_uring.h>"
    yield '#include "msg.h"\n#include "ring.h"\n#include "flow_id.h"'
    for s in tables.structs.values():
        yield f"static_assert(sizeof(struct {s.name}) == {s.size}, \"{s.name}\");"
        for offset, kind, name in s.fields:
            if name == "unused":
                continue
            member = f"((struct {s.name} *)0)->{name}"
            yield (f"static_assert(offsetof(struct {s.name}, {name}) == {offset} && "
                   f"sizeof({member}) == {s.field_bytes(kind)}, \"{s.name}.{name}\");")
            if kind in tables.SCALARS:
                sign = "<" if kind.startswith("s") else ">"
                yield f"static_assert((__typeof__({member}))-1 {sign} 0, \"sign of {s.name}.{name}\");"
            elif kind in tables.structs:
                yield (f"static_assert(__builtin_types_compatible_p(__typeof__({member}), "
                       f"struct {kind}), \"type of {s.name}.{name}\");")
            else:
                yield f"static_assert(sizeof({member}[0]) == 1, \"type of {s.name}.{name}\");"
    for name, value in tables.constants.items():
        yield f"static_assert({name} == {value}, \"{name}\");"


def check_compiled(compiler):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write("\n".join(assertions()) + "\n")
        f.flush()
        done = subprocess.run([compiler, "-std=gnu17", "-fsyntax-only", "-I", PROTO, "-I", tables.ROOT, f.name],
                              stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        problems.append(done.stderr)


def check_names():
    found = re.findall(r"^struct ((?:msg|ring)_\w+) \{", header("addr.h") + header("msg.h") + header("ring.h"), re.M)
    expect("structs", sorted(tables.structs), sorted(found + ["io_uring_cqe"]))
    found = re.findall(r"\b(MSG_(?:AREA|FORMAT)_[A-Z_]+) =|#define ((?:MSG|RING|FLOW_ID)_[A-Z_0-9]+)\s+0?x?\d",
                       header("msg.h") + header("ring.h") + header("flow_id.h"))
    found = [a or b for a, b in found] + ["MSG_BACKEND_AUTO"]
    found += ["MSG_BACKEND_" + name for name in re.findall(r"X\((\w+), \d+, \"", header("backend.h"))]
    expect("constants", sorted(tables.constants), sorted(found))


def fds(least, most):
    return least if least == most else f"{least}..{most}"


def check_messages():
    found = {}
    for name, number, body, least, most, reply, reply_least, reply_most, state in re.findall(
            r"X\((\w+), (\d+), (\w+), (\d), (\d)(?:, (\w+), (\d), (\d), (\w+))?\)", header("msg.h")):
        found[name] = (int(number), body, fds(least, most), reply, fds(reply_least, reply_most), state or "EVENT")
    expect("messages", tables.messages, found)


def check_reasons():
    found = {int(number): (name, error, text) for name, number, error, text in
             re.findall(r'X\((\w+), (\d+), (\w+), "(.*?)"\)', header("reason.h"))}
    expect("reasons", tables.reasons, found)


check_gaps()
check_names()
check_messages()
check_reasons()
check_compiled(sys.argv[1])
for problem in problems:
    print(problem)
print(f"{len(problems)} problems in {len(tables.structs)} structs, {len(tables.messages)} messages, "
      f"{len(tables.reasons)} reasons, {len(tables.constants)} constants")
sys.exit(1 if problems else 0)
