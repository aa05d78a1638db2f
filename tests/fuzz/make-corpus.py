#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the corpora: corpus/TARGET/NAME, a small file for each thing worth doing.

Numbers come from the sources: the targets' enums, the protocol's table and its sizes. After a
change there, run it again. With --check it writes nothing and fails if a file would change.
"""
import json
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def enum(source, prefix):
    """The members of the enum in a target whose names begin so, numbered from 0."""
    names = re.findall(rf"^\t{prefix}_(\w+),", read("tests", "fuzz", source), re.M)
    return {name: number for number, name in enumerate(names)}


def grammar():
    """NAME -> (number, bytes of the request or event, of the reply, fds at least with the first and the second, state)."""
    sizes = dict(re.findall(r"^\*\*(\w+)\*\*: (\d+) bytes", read("docs", "protocol.md"), re.M))
    rows = re.findall(r"X\((\w+), (\d+), (\w+), (\d), \d(?:, (\w+), (\d), \d, (\w+))?\)", read("proto", "msg.h"))
    return {name: (int(number), int(sizes[body]), int(sizes.get(reply, 0)), int(fds), int(reply_fds or 0), state or "EVENT")
            for name, number, body, fds, reply, reply_fds, state in rows}


TABLE = grammar()
NUMBER = {name: row[0] for name, row in TABLE.items()}
REPLY_STATE = 3


# ---- msg: state, descriptors, for replies type and serial, then the message ----

def header(size, number, nfds=0, serial=1, error=0):
    return struct.pack("=IHHIi", size, number, nfds, serial, error)


def messages():
    seeds = {"empty": b"", "header": bytes([1, 0]) + header(16, 3),
             "short": bytes([1, 0]) + header(16, 3)[:12],
             "unknown": bytes([1, 0]) + header(16, 40), "event": bytes([2, 0]) + header(16, 90, 0, 0),
             "errs": bytes([1, 0]) + header(24, 3, 0, 1, -5) + bytes(8)}
    for name, (number, size, reply, nfds, reply_fds, state) in TABLE.items():
        where = ("NEW", "READY", "EVENT").index(state)
        serial = 0 if state == "EVENT" else 7
        start = bytes([where, nfds])
        seeds[name.lower()] = start + header(size, number, nfds, serial) + bytes(size - 16)
        if state != "EVENT":
            asked = bytes([REPLY_STATE, reply_fds]) + struct.pack("=HI", number, 7)
            seeds[name.lower() + "-reply"] = asked + header(reply, number, reply_fds, 7) + bytes(reply - 16)
    size = TABLE["AREA_DEL"][1]
    number = NUMBER["AREA_DEL"]
    seeds["grown"] = bytes([1, 0]) + header(size + 8, number) + bytes(size - 8)
    seeds["field"] = bytes([1, 0]) + header(size + 8, number) + bytes(size - 16) + b"\1" * 8
    seeds["cut"] = bytes([1, 0]) + header(size - 8, number)
    seeds["fds"] = bytes([1, 2]) + header(size, number, 2) + bytes(size - 16)
    refusal = header(264, number, 0, 7, -2) + struct.pack("=II", 8, 0) + b"No such area.".ljust(240, b"\0")
    seeds["refusal"] = bytes([REPLY_STATE, 0]) + struct.pack("=HI", number, 7) + refusal
    seeds["largest"] = bytes([1, 0]) + header(4096, number) + bytes(4080)
    return seeds


# ---- config: the file ----

def configs():
    whole = """# all there is
[sockets]
clients=/run/zcrxd/a.sock
status=/run/zcrxd/b.sock
mode=0600
group=zcrx
[nic eth0]
queues=2-5
[class default]
sessions=1
queues=2
flows=3
area-bytes=64M
requests-per-second=9
connections-per-second=10
host-flows=yes
udmabuf=yes
[class web]
socket=/run/zcrxd/web.sock
mode=0666
group=zcrx
backends=copy zcrx
nics=eth0:2-3,5
local=10.0.0.0/8:80 [fd00::/8]:443-444 fe80::1
remote=* 0.0.0.0/0:1-9 ::/0
host-flows=receive-only
areas=4
listeners=5
most-users=1
[class local]
users=root 1000-1999
groups=27
nics=eth0
"""
    seeds = {
        "all": whole, "none": "", "comments": "; nothing\n# at all\n\n",
        "blanks": " [class default] ; of each user\n flows = 3 ; flows\n\tqueues: 4\n",
        "key": "[class default]\ncows=1\n", "section": "[cows]\nflows=1\n", "outside": "flows=1\n",
        "number": "[class default]\nflows=many\nqueues=-1\nsessions=0x10\n",
        "huge": "[class default]\narea-bytes=18446744073709551615\nflows=99999999999999999999\n",
        "units": "[class default]\narea-bytes=1K\narea-bytes=2G\narea-bytes=16777215T\n",
        "shifted": "[class default]\narea-bytes=18446744073709551615T\n", "unit": "[class default]\narea-bytes=1KB\n",
        "flag": "[class default]\nhost-flows=maybe\n", "mode": "[sockets]\nmode=0888\nmode=07777\nmode=\n",
        "cleared": "[sockets]\nclients=\nstatus=\n", "group": "[sockets]\ngroup=\n",
        "rate": "[class default]\nrequests-per-second=0\n", "text": "not a key\n", "open": "[limits\nflows=1\n",
        "long": "[sockets]\nclients=" + "x" * 300 + "\n", "unended": "[class default]\nflows=1",
        "continued": "[sockets]\ngroup=a\n b\n", "mark": "\ufeff[class default]\nflows=1\n",
        "lists": "[class a]\nusers=0\nlocal=*:0-65535 1.2.3.4/32:1 [::]:1-2\nlocal=::/0\nlocal=\n  *:5\n"
        "remote=\nbackends=\n",
        "address": "[class a]\nusers=0\nlocal=[::1\nremote=1.2.3.4/33\nlocal=*:70000\nremote=[]:1 :::1 *:\n",
        "unmapped": "[class a]\nusers=0\nlocal=::ffff:1.2.3.4/120 [::ffff:0:0]:1\n",
        "who": "[class a]\nnics=\n[class b]\nsocket=/b\nusers=0\n[class default]\nusers=0\n[class c]\ngroup=x\n",
        "names": "[class clients]\nusers=0\n[class a b]\nusers=0\n[class ]\nusers=0\n[class " + "x" * 32
        + "]\nusers=0\n",
        "nobody": "[class a]\nusers=no-such-user-here\ngroups=4294967295 4-2 -1\n",
        "nics": "[nic e]\nqueues=1\n[class default]\nnics=e:1 e f e:2 e: :1 e:x e:1-\n",
        "same": "[class a]\nsocket=/a\n[class b]\nsocket=/a\n[class c]\nsocket=/run/zcrxd/zcrxd.sock\n",
        "listen": "[class default]\nhost-flows=receive-only\n", "backend": "[class default]\nbackends=copy rdma\n",
        "twice": "[class default]\nflows=1\nflows=2\n", "crlf": "[class default]\r\nflows=1\r\n",
        "queues": "[nic e]\nqueues=" + "0-16383," * 20 + "\n[class a]\nusers=0\n"
        + ("nics=" + "e:0-16383 " * 15 + "e\n") * 8,
        "longest": "[sockets]\ngroup=a\n " + "b" * 197 + "\n", "second": "[nic e]\nqueues=1\n 2\n",
        "item": "[nic e]\nqueues=1-9\n[class a]\nusers=0\nnics=\n e:" + "1," * 97 + "\n",
        "continued-comment": "[class a]\nsocket=/a\n[class b]\nsocket=/a\n [class default] ; o\0\0\0ch u[",
        "nul": "[class default]\nflows=1\0\n",
    }
    return {name: text.encode() for name, text in seeds.items()}


# ---- session: limits, then operations (session.c) and what they take ----

OP = enum("session.c", "OP")
KIND = enum("hostile.h", "KIND")
HURRY, FDS, GROWN, UNKNOWN = 1, 2, 4, 8
HOST, FEW_FLOWS, ONE_QUEUE, FEW_BYTES, MEMORY_FIRST, LEAVE = 1, 2, 4, 8, 16, 32
LISTEN = ABORT = 1


def op(name, *args):
    return bytes([OP[name], *args])


def ask(name, object=0, value=0, flags=0, extra=b"", fds=None, changes=()):
    """A request; changes: (word of the message, value)."""
    number = NUMBER.get(name, name)
    flags |= (FDS if fds is not None else 0) | len(changes) << 4
    tail = b"" if fds is None else bytes([len(fds)]) + bytes(KIND[k] for k in fds)
    tail += b"".join(struct.pack("=BI", word, value) for word, value in changes)
    return op("REQUEST", number, flags, object, value) + extra + tail


def queue_open(area=0, backend=0, cq=0, rq=0, buffer=0, **more):
    return ask("QUEUE_OPEN", area, backend, extra=struct.pack("=HHH", cq, rq, buffer), **more)


def host(queue=0, value=0, backlog=0, timeout=0, **more):
    """value: flags of the request, 4: IPv6, 8: bound, and from 16 on where to."""
    return ask("FLOW_HOST", queue, value, extra=bytes([backlog, timeout]), **more)


def peer_send(n, peer=0):
    return op("PEER_SEND", peer) + struct.pack("=H", n)


def raw(content, fds=()):
    return op("RAW", len(fds), *(KIND[k] for k in fds)) + struct.pack("=H", len(content)) + content


def word(view, name, value):
    return op(name, view) + struct.pack("=I", value & 0xffffffff)


def poke(at, value, view=0):
    return op("POKE", view) + struct.pack("=HI", at, value)


def sessions():
    hello = ask("HELLO", object=5, value=1, extra=b"fuzzy")
    area = ask("AREA_ADD", value=16)
    opened = hello + area + queue_open()
    adopt, listen = ask("FLOW_ADOPT"), ask("FLOW_ADOPT", value=LISTEN)
    wait, read, take, kick = op("PAUSE", 200), op("CHANNEL_READ", 0), op("CONSUME", 0), op("KICK", 0)
    fin, reset = op("PEER_END", 0, 0), op("PEER_END", 0, 1)
    data = peer_send(20000) + wait
    small = hello + ask("AREA_ADD", value=4) + queue_open(cq=64, buffer=4096)
    accepted = opened + listen + op("CONNECT", 0, 2) + wait
    seeds = {
        "hello": hello, "twice": hello * 2 + raw(b"") + hello, "early": area,
        "stream": opened + adopt + op("WAKE", 0) + data + take + read + data + take + fin + wait
        + read + ask("FLOW_CLOSE"),
        "six": opened + ask("FLOW_ADOPT", fds=["CONNECTED_6"]) + data + take + reset + wait + read,
        "reset": opened + adopt + data + reset + wait + read + take + ask("FLOW_CLOSE"),
        "abort": opened + adopt + data + ask("FLOW_CLOSE", value=ABORT) + take + wait,
        "starve": small + adopt + peer_send(32000) * 4 + wait + (take + wait) * 3,
        "overflow": small + adopt * 2 + (peer_send(1) + peer_send(1, 1) + op("PAUSE", 20)) * 18 + take,
        "pause": opened + adopt + ask("FLOW_PAUSE", value=1) + data + ask("FLOW_PAUSE") + wait + take,
        "dead": opened + adopt + data + ask("FLOW_CLOSE") + adopt + peer_send(100, 1) + wait + take,
        "listener": accepted + read + peer_send(500, 0) + peer_send(500, 1) + wait + take
        + ask("FLOW_CLOSE"),
        "unread": accepted + op("CONNECT", 0, 15) * 2 + wait + ask("FLOW_CLOSE") + read + read,
        "held": opened + listen + ask("FLOW_PAUSE", value=1) + op("CONNECT", 0, 2)
        + ask("FLOW_PAUSE") + wait + read,
        "stolen": accepted + op("MEDDLE", 1, 4 + 8) + op("MEDDLE", 1, 0) + op("CONNECT", 0, 2)
        + op("MEDDLE", 1, 2) + wait + read,
        "meddled": opened + adopt + b"".join(op("MEDDLE", 0, n) for n in (12, 1, 3, 6, 5)) + data
        + op("MEDDLE", 0, 2) + wait + read,
        "host": opened + host(value=32) + op("PAUSE", 1) + data + host(value=6) + host(value=40)
        + host(value=0) + host(value=16, timeout=1) + host(value=34),
        "host-left": opened + host(value=16, timeout=31, flags=HURRY),
        "host-closed": opened + host(value=16, timeout=31, flags=HURRY) + op("CHANNEL_CLOSE", 0),
        "host-listen": opened + host(value=1, backlog=2) + op("CONNECT", 0, 1) + wait + read
        + host(value=3),
        "close": opened + adopt + data + ask("QUEUE_CLOSE") + ask("AREA_DEL") * 2
        + queue_open() + area + queue_open(1) + ask("QUEUE_CLOSE", 1),
        "hangup": opened + adopt + listen + data + op("CHANNEL_CLOSE", 0) + wait + queue_open(),
        "channel": opened + op("CHANNEL_SEND", 0, KIND["NULL"], 1)
        + op("CHANNEL_SEND", 0, KIND["CHANNEL"], 0) + kick,
        "head": opened + adopt + data + word(0, "HEAD", 1) + word(0, "HEAD", 1 << 31)
        + word(0, "HEAD", 0) + data + word(0, "HEAD", -4),
        "refill": opened + adopt + data + op("REFILL", 0, 0, 2) + wait + op("REFILL", 0, 200, 4)
        + data + op("REFILL", 0, 0, 255) + data,
        "poke": opened + adopt + poke(1024, 1 << 31) + kick + poke(0, 9) + poke(1041, 1)
        + poke(1024, 3) + kick + data,
        "punch": opened + adopt + op("PUNCH", 0, 0) + data + op("PUNCH", 1, 0) + op("PUNCH", 1, 1)
        + kick + data + take,
        "memory": hello + b"".join(ask("AREA_ADD", value=1, fds=[k]) for k in KIND if k != "COUNT"),
        "sockets": opened + b"".join(ask("FLOW_ADOPT", fds=[k]) for k in KIND if k != "COUNT"),
        "rings": opened + ask("AREA_ADD", fds=["RQ"], changes=[(6, 8192)])
        + ask("AREA_ADD", fds=["CQ"], changes=[(6, 4096)]),
        "again": opened + adopt + (ask("FLOW_ADOPT", fds=["AGAIN"]) + ask("FLOW_CLOSE")) * 2,
        "fds": hello + ask("AREA_ADD", fds=["AREA"] * 5) + ask("AREA_DEL", fds=["NULL"] * 4)
        + raw(b"x" * 20, ["CONTROL"] * 6),
        "raw": raw(b"x") + raw(header(16, 1)) + raw(bytes(4104)) + hello
        + raw(header(64, 4, 0, 0) + bytes(48)),
        "growth": hello + ask("AREA_DEL", flags=GROWN) + ask("AREA_DEL", flags=UNKNOWN)
        + ask(10) + ask(11),
        "values": hello + area + queue_open(cq=65535) + queue_open(backend=2)
        + queue_open(backend=128) + queue_open(changes=[(9, 1 << 20)]) + queue_open() * 2
        + ask("AREA_DEL") + adopt + ask("FLOW_PAUSE", value=2) + ask("FLOW_CLOSE", value=4)
        + ask("AREA_ADD", value=2, changes=[(6, 12345)]) + ask("AREA_ADD", value=0),
        "ahead": hello + ask("AREA_DEL", flags=HURRY) * 16,
        "pipeline": hello + ask("AREA_ADD", value=8, flags=HURRY) + queue_open(flags=HURRY)
        + ask("QUEUE_CLOSE", flags=HURRY) + ask("AREA_DEL"),
        "own-end": hello + area + queue_open(flags=HURRY)
        + ask("AREA_DEL", fds=["CONTROL"], flags=HURRY),
        "stop": opened + adopt + data + op("STOP") + wait + read,
    }
    bits = {name: HOST if name.startswith("host") else 0 for name in seeds}
    bits |= {"punch": MEMORY_FIRST, "host-left": HOST | LEAVE, "own-end": LEAVE}
    quotas = opened + listen + adopt * 3 + op("CONNECT", 0, 1) + wait + area + queue_open(1) + area
    for name, few in {"flows": FEW_FLOWS, "queues": ONE_QUEUE, "bytes": FEW_BYTES}.items():
        bits["few-" + name], seeds["few-" + name] = few, quotas
    return {name: bytes([bits[name]]) + content for name, content in seeds.items()}


# ---- journal: the file ----

def journals():
    good = {"format": 2, "boot": "0a1b2c3d-0000-4000-8000-0123456789ab", "ifindex": 3,
            "device": "0000:17:00.0", "address": "02:00:00:00:00:01", "split": 1, "threshold": 256,
            "ntuple": False, "rss": [0, 1, 2, 3, 0, 1, 2, 3], "queues": [2, 3]}
    wrong = {
        "format": [1, 3, "2"], "boot": ["", "\n" * 36, "0" * 37, 5], "ifindex": [0, -1, 2**31, 2**64, 1.5],
        "device": ["x\ty", "x" * 32, None], "address": ["\0", ":" * 96, []],
        "split": [-1, 3, 10**9, 2**63, True, "1", None], "threshold": [-1, 2**32, "0"],
        "ntuple": [0, None], "rss": [[], [16384], [-1], ["0"], [[0]], 5, {}, [2**70]],
        "queues": [[], None, [3, 2], [2, 2], [16384], [-1], [1.0]],
    }
    seeds = {"good": good, "auto": {**good, "split": 0, "rss": None, "device": "", "address": "",
                                    "threshold": 2**32 - 1, "ntuple": True},
             "more": {**good, "rules": []}, "list": [good]}
    for key, values in wrong.items():
        seeds[f"no-{key}"] = {k: v for k, v in good.items() if k != key}
        seeds |= {f"{key}-{i}": {**good, key: value} for i, value in enumerate(values)}
    texts = {name: json.dumps(value).encode() for name, value in seeds.items()}
    whole = texts["good"]
    rules = {
        "tcp4": {"local": "192.0.2.1", "port": 443, "remote": "198.51.100.7", "remote_port": 5, "queue": 2},
        "any6": {"local": "2001:db8::1", "port": 65535, "remote": "", "remote_port": 0, "queue": 3},
        "families": {"local": "::1", "port": 1, "remote": "127.0.0.1", "remote_port": 5, "queue": 3},
        "queue": {"local": "::1", "port": 1, "remote": "", "remote_port": 0, "queue": 4},
        "port": {"local": "::1", "port": 0, "remote": "", "remote_port": 0, "queue": 3},
        "name": {"local": "localhost", "port": 1, "remote": "", "remote_port": 0, "queue": 3},
        "unused": {"local": "::1", "port": 1, "remote": "::1", "remote_port": 0, "queue": 3},
    }
    line = {name: json.dumps(rule)[:-1].encode().ljust(254) + b"}\n" for name, rule in rules.items()}
    texts |= {f"rule-{name}": whole + b"\n" + text for name, text in line.items()}
    blank = b"{" + b" " * 253 + b"}\n"
    texts |= {"rules": whole + b"\n" + line["tcp4"] + blank + line["any6"], "rule-none": whole + b"\n" + blank,
              "rule-short": whole + b"\n" + line["tcp4"][:-1], "rule-half": whole + b"\n" + line["any6"][:60]}
    return texts | {"line": whole + b"\n", "twice": whole * 2, "half": whole[:len(whole) // 2], "none": b"",
                    "zero": whole + b"\0", "deep": b"[" * 1000, "key-twice": whole[:-1] + b', "split": 7}'}


# ---- library: bits and changes of answers, then operations ----

def libraries():
    number = enum("library.c", "OP")
    first = 0x10001
    change = lambda name, word, value: struct.pack("=BBI", NUMBER[name], word, value)
    start = lambda zcrx, *changes: bytes([zcrx | len(changes) << 1]) + b"".join(changes)
    op = lambda name, form="", *values: bytes([number[name]]) + struct.pack("=" + form, *values)
    cqe = lambda flow, res, flags, off=0: op("CQE", "BhIBI", flow, res, flags, 0, off)
    adopt, reap, back = op("ADOPT", "B", 0), op("REAP", "B", 32), op("RECYCLE")
    closed = op("EVENT", "BB", 1, 24) + struct.pack("=IIiIII", 1, first, 0, 25, 1, 0)
    opened = op("EVENT", "BB", 4, 24) + struct.pack("=IIIIII", 1, first, first + 1, 0, 0, 0)
    seeds = {}
    for name, zcrx in (("copy", 0), ("aside", 1)):
        good = start(zcrx)
        data = cqe(0, 100, 1) + cqe(0, 200, 1 | 1 << 16, 4)
        seeds |= {
            name: good + adopt + data + reap + back + op("WAIT") + op("INFO") + closed + reap,
            f"{name}-edges": good + adopt + cqe(0, 4096, 1 | 3 << 16) + reap + cqe(0, 1, 1 | 4 << 16) + reap,
            f"{name}-beyond": good + adopt + cqe(0, 4097, 1) + reap + back,
            f"{name}-off": good + adopt + cqe(0, 16, 0, 65520) + reap + cqe(0, 17, 0, 65520) + reap,
            f"{name}-slot": good + adopt + cqe(0, 96, 1, 4000) + reap + cqe(0, 97, 1, 4000) + reap,
            f"{name}-tail": good + adopt + op("TAIL", "I", 65) + reap + op("TAIL", "I", 2**31) + reap,
            f"{name}-head": good + adopt + data + op("RQ_WORD", "HI", 4096, 2**31) + reap + back,
            f"{name}-events": good + op("DAEMON_WORD", "BI", 4, 9) + reap + op("WAIT") + adopt + reap,
            f"{name}-listens": good + op("ADOPT", "B", 1) + opened + reap + cqe(1, 9, 1) + reap
            + op("FLOW_CLOSE", "B", 0) + reap,
            f"{name}-lost": good + adopt + data + op("EVENT", "BB", 2, 8) + struct.pack("=Ii", 1, -5) + reap * 2,
            f"{name}-end": good + adopt + data + op("CHANNEL_END") + reap * 2 + op("WAIT"),
            f"{name}-short": good + adopt + op("EVENT", "BBB", 128, 0, 17) + reap,
        }
    for word in range(4, 29):
        for value in (3, 2**32 - 1):
            seeds[f"layout-{word}-{value:x}"] = start(1, change("QUEUE_OPEN", word, value)) + adopt + reap
    for name in ("HELLO", "AREA_ADD", "QUEUE_OPEN", "FLOW_ADOPT"):
        for word in range(4):
            seeds[f"{name.lower()}-{word}"] = start(1, change(name, word, 1)) + adopt + reap
    return seeds


# ---- report: what the client may have, then what is written to its memory (report.c) ----

def reports():
    number = enum("report.c", "OP")
    op = lambda name, form="", *values: bytes([number[name]]) + struct.pack("=" + form, *values)
    # Words of the head; and of a flow, behind its sequence number and its facts (daemon/common/report.h).
    head = {"version": 0, "changes": 1, "n_queues": 2, "n_flows": 3, "n_texts": 4, "seq": 5, "name": 6}
    facts = 16
    why_copied = facts + 3
    sentence = b"A \x1b[31msentence\n"
    text = op("GOOD_TEXT", "B", len(sentence)) + sentence
    queue = op("GOOD_QUEUE", "BBBB", 1, 2, 3, 4) + b"why\n"
    flow = op("GOOD_FLOW", "HBBB", 0, 0, 1, 0) + op("GOOD_FLOW", "HBBB", 7, 0, 1, 1)
    name = op("NAME") + b"a \xc3\xbc \x1b[2J\n".ljust(32, b"\0")
    good = bytes([9, 9]) + name + text + queue + flow + op("FLOW", "HHI", 0, why_copied, 1)
    seeds = {"empty": b"", "good": good, "little": bytes([1, 1]) + good[2:],
             "endless": good + b"".join(op("HEAD", "HI", head["name"] + i, 0x78787878) for i in range(8))}
    for word in head.values():
        for value in (1, 2**32 - 1):
            seeds[f"head-{word}-{value:x}"] = good + op("HEAD", "HI", word, value)
    for name in ("QUEUE", "FLOW"):
        form = "BHI" if name == "QUEUE" else "HHI"
        for word in range(86 if name == "QUEUE" else 24):
            if name == "FLOW" or word < 3 or word > 60:
                seeds[f"{name.lower()}-{word}"] = good + op(name, form, 0, word, 0xff0000ff)
    seeds["text"] = good + b"".join(op("TEXT", "BHI", 0, word, 0xffffffff) for word in range(60))
    seeds["no-text"] = good + op("FLOW", "HHI", 0, why_copied, 2)
    return seeds


# ---- link: bits, then messages (link.c) ----

def links():
    how, kind = enum("link.c", "HOW"), enum("link.c", "KIND")
    rows = re.findall(r"X\((\w+), \w+, (\d+), (\w+), \w+, (\d), \d, \d, (\w+), \w+\)", read("daemon", "link", "link.h"))
    place = {name: i for i, (name, *_) in enumerate(rows)}
    fds = {name: int(least) for name, _, _, least, _ in rows}
    account = enum(os.path.join("..", "..", "policy", "limits.h"), "ACCOUNT")

    def send(name, form="", *values, way="GOOD", fd="MEMFD", n=None):
        body = struct.pack("=" + form, *values)
        return struct.pack("=BBBHB", how[way], place[name], fds[name] if n is None else n, len(body), kind[fd]) + body

    amount = lambda name, what, n: send(name, "IIQ", account[what], 0, n)
    seeds = {"empty": b""}
    for name, number, _, least, who in rows:
        seeds[name.lower()] = b"\0" + send(name) * 2
        seeds[f"{name.lower()}-taken"] = b"\1" + send(name, "IIQ", 1, 0, 1) * 2
        seeds[f"{name.lower()}-full"] = b"\0" + send(name, "IIQ", 2**32 - 1, 2**32 - 1, 2**64 - 1)
        seeds[f"{name.lower()}-fds"] = b"\0" + send(name, n=int(least) + 1) + send(name, n=0)
        raw = struct.pack("=IHHIi", 32, int(number), int(least), int(who == "PUMP_ASKS"), 0) + bytes(16)
        for way in ("RAW", "REPLY"):
            seeds[f"{name.lower()}-{way.lower()}"] = b"\0" + send(name, "32s", raw, way=way)
        if int(least):
            seeds[f"{name.lower()}-kinds"] = b"\0" + b"".join(send(name, "Q", 4096, fd=k) for k in kind if k != "COUNT")
    for what in account:
        if what != "KINDS":
            charge, release = amount("CHARGE", what, 1), amount("RELEASE", what, 1)
            seeds[f"charges-{what.lower()}"] = b"\0" + charge * 5 + release * 6
            seeds[f"overflow-{what.lower()}"] = b"\0" + charge + amount("CHARGE", what, 2**64 - 1) + release
    seeds |= {
        "flight": b"\0" + send("FLIGHT", "II", 8, 0) * 3 + send("LANDED", "II", 24, 0) + send("LANDED", "II", 1, 0),
        "flight-most": b"\0" + send("FLIGHT", "II", 2**32 - 1, 0) + send("FLIGHT", "II", 1024, 0),
        "have": b"\1" + send("HAVE_FILE", "Q", 65536) + send("HAVE", "16QII", *range(16), 9, 0) + send("HAVE"),
        "have-much": b"\1" + send("HAVE", "16QII", *[2**64 - 1] * 16, 2**32 - 1, 0) + amount("CHARGE", "FLOWS", 1),
        "files": b"\0" + send("FILE", "Q", 2**19) * 4 + send("FILE", "Q", 2**64 - 1),
        "log": b"\0" + send("LOG", "II512s", 1, 3, b"%s%n\x1b" * 90) * 2 + send("LOG", "II", 99, 3) + send("LOG", "II", 1, 99),
        "lease": b"\0" + send("LEASE", "IIII", 1, 1, 2, 0) + send("LEASE_END", "II", 1, 0) + send("STEER", "IIII", 1, 0, 1, 0),
    }
    return seeds


def main():
    check = sys.argv[1:] == ["--check"]
    changed = 0
    for target, seeds in {"msg": messages(), "config": configs(), "session": sessions(),
                          "journal": journals(), "library": libraries(),
                          "report": reports(), "link": links()}.items():
        folder = os.path.join(HERE, "corpus", target)
        os.makedirs(folder, exist_ok=True)
        for name in sorted(seeds.keys() | set(os.listdir(folder))):
            path = os.path.join(folder, name)
            before = open(path, "rb").read() if os.path.exists(path) else None
            if before == seeds.get(name):
                continue
            changed += 1
            if check:
                print(f"corpus/{target}/{name} is not what make-corpus.py makes")
            elif name in seeds:
                with open(path, "wb") as f:
                    f.write(seeds[name])
            else:
                os.remove(path)
    print(f"{changed} files {'differ' if check else 'changed'}")
    sys.exit(1 if check and changed else 0)


main()
