# SPDX-License-Identifier: MIT
"""The tables of docs/protocol.md: structs, messages, reasons, constants."""
import os
import re
import struct

ROOT = os.environ.get("ZCRX_SOURCE_DIR") or os.path.join(os.path.dirname(__file__), "..", "..")
with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as f:
    LINES = f.read().splitlines()

SCALARS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s32": "i"}


def rows(after):
    """The cells of the first table at or behind line number `after`, without its two header lines."""
    while not LINES[after].startswith("|"):
        after += 1
    after += 2
    while after < len(LINES) and LINES[after].startswith("|"):
        yield [c.strip() for c in LINES[after].strip("|").split("|")]
        after += 1


def table(header):
    """The rows of the table whose header line begins with these names."""
    start = "| " + " | ".join(header) + " |"
    return list(rows(next(i for i, line in enumerate(LINES) if line.startswith(start))))


class Struct:
    """fields: [(offset, type, name)]; all of the protocol's structs, by name, in `structs`."""

    def __init__(self, name, size, fields):
        self.name, self.size, self.fields = name, size, fields

    def field_bytes(self, kind):
        base, count = re.fullmatch(r"(\w+?)(?:\[(\d+)\])?", kind).groups()
        one = structs[base].size if base in structs else 1 if base == "char" else struct.calcsize(SCALARS[base])
        return one * int(count or 1)

    def unpack(self, data, at=0):
        """A dict; nested structs are dicts, text is str, u8 arrays are bytes."""
        out = {}
        for offset, kind, name in self.fields:
            where = at + offset
            if kind in structs:
                out[name] = structs[kind].unpack(data, where)
            elif kind in SCALARS:
                out[name] = struct.unpack_from("=" + SCALARS[kind], data, where)[0]
            else:
                raw = bytes(data[where:where + self.field_bytes(kind)])
                out[name] = raw.split(b"\0")[0].decode() if kind.startswith("char") else raw
        return out

    def pack(self, values):
        """The other way round; what is missing is zero."""
        out = bytearray(self.size)
        names = {name for _, _, name in self.fields}
        if not names >= set(values):
            raise KeyError(f"{self.name} has no {set(values) - names}")
        for offset, kind, name in self.fields:
            value = values.get(name)
            if value is None:
                continue
            if kind in structs:
                out[offset:offset + structs[kind].size] = structs[kind].pack(value)
            elif kind in SCALARS:
                struct.pack_into("=" + SCALARS[kind], out, offset, value)
            else:
                raw = value.encode() if isinstance(value, str) else value
                out[offset:offset + len(raw)] = raw
        return bytes(out)

    def offset(self, field):
        return next(o for o, _, name in self.fields if name == field)


def _structs():
    for i, line in enumerate(LINES):
        found = re.match(r"\*\*(\w+)\*\*: (\d+) bytes$", line)
        if found:
            fields = [(int(r[0]), r[1], r[2]) for r in rows(i)]
            yield found[1], Struct(found[1], int(found[2]), fields)


structs = dict(_structs())
# name -> (number, struct of the request or event, its descriptors, struct of the reply or "", its descriptors, state)
messages = {r[0]: (int(r[1]), *r[2:7]) for r in table(["message", "number"])}
# number -> (name, name of the errno, sentence)
reasons = {int(r[0]): tuple(r[1:4]) for r in table(["number", "name", "errno"])}
constants = {r[0]: int(r[1]) for r in table(["name", "value"])}
