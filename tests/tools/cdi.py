#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcrxctl cdi against the rules of the Container Device Interface, and its mistakes.

The rules are those of SPEC.md of github.com/cncf-tags/container-device-interface, for version 0.3.0.
"""
import json
import os
import re

import world
from world import CTL

DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
KIND = re.compile(rf"{DNS_LABEL}(\.{DNS_LABEL})*/[A-Za-z]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?")
# Versions before 0.6.0 have a letter first.
DEVICE = re.compile(r"[A-Za-z]([A-Za-z0-9_.:-]*[A-Za-z0-9])?")
# What 0.3.0 knows: (required, further), of strings unless said otherwise.
EDITS = {"env", "deviceNodes", "mounts", "hooks"}
MOUNT = {"hostPath", "containerPath"}, {"options"}


def faults(spec):
    """What a runtime would refuse of a specification."""
    if not {"cdiVersion", "kind", "devices"} <= set(spec) <= {"cdiVersion", "kind", "devices", "containerEdits"}:
        yield f"fields {sorted(spec)}"
        return
    if spec["cdiVersion"] != "0.3.0":
        yield f"version {spec['cdiVersion']}"
    if not KIND.fullmatch(spec["kind"]):
        yield f"kind {spec['kind']}"
    names = [d.get("name", "") for d in spec["devices"]]
    if not names or len(set(names)) < len(names) or not all(map(DEVICE.fullmatch, names)):
        yield f"names {names}"
    for device in spec["devices"]:
        if set(device) != {"name", "containerEdits"}:
            yield f"device {sorted(device)}"
        yield from faults_of_edits(device.get("containerEdits", {}))


def faults_of_edits(edits):
    if not edits or not set(edits) <= EDITS:
        yield f"edits {sorted(edits)}"
    for env in edits.get("env", []):
        if not re.fullmatch(r"[A-Z_]+=.+", env):
            yield f"env {env}"
    for mount in edits.get("mounts", []):
        required, further = MOUNT
        if not required <= set(mount) <= required | further:
            yield f"mount {sorted(mount)}"
        for path in mount.get("hostPath", ""), mount.get("containerPath", ""):
            if not os.path.isabs(path) or os.path.normpath(path) != path:
                yield f"path {path}"
        if not all(isinstance(o, str) and o for o in mount.get("options", [])):
            yield f"options {mount['options']}"


WEB = "[class web]\nsocket=/run/zcrxd/web/zcrxd.sock\n"


class Cdi(world.Case):
    def config(self, content):
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(content)
        return ["-c", self.path("conf")]

    def specification(self, *arguments):
        result = self.run_tool(CTL, "cdi", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        spec = json.loads(result.stdout)
        self.assertEqual(list(faults(spec)), [])
        return spec

    def edits(self, *arguments):
        spec = self.specification(*arguments)
        self.assertEqual([d["name"] for d in spec["devices"]], ["default"])
        return spec["devices"][0]["containerEdits"]

    def test_mounts_the_folder_and_says_where_the_socket_is(self):
        edits = self.edits(*self.config("[sockets]\nclients=/srv/zcrx/clients.sock\n"))
        mount, = edits["mounts"]
        self.assertEqual(mount["hostPath"], "/srv/zcrx")
        self.assertEqual(edits["env"], [f"ZCRX_SOCKET={mount['containerPath']}/clients.sock"])
        self.assertLessEqual({"bind", "ro", "nosuid", "nodev", "noexec"}, set(mount["options"]))

    def test_the_shared_socket_is_none_where_others_lie_beside_it(self):
        web = "[class web]\nsocket=/srv/web/zcrxd.sock\n"
        for content in (web, web + "[sockets]\nclients=/srv/zcrxd.sock\n",
                        web + "[sockets]\nclients=/srv/x/zcrxd.sock\nstate=/srv/x\n",
                        web + "[sockets]\nclients=/srv/x/zcrxd.sock\nstatus=/srv/x/y/status.sock\n"):
            spec = self.specification(*self.config(content))
            self.assertEqual([d["name"] for d in spec["devices"]], ["web"], content)

    def test_classes_with_sockets_are_devices_of_their_own(self):
        spec = self.specification(*self.config(
            WEB + "[class users]\nusers=root\n[class b.2]\nsocket=/run/b/zcrx.sock\n"))
        found = {d["name"]: d["containerEdits"] for d in spec["devices"]}
        self.assertEqual(sorted(found), ["b.2", "web"])
        self.assertEqual(found["web"]["mounts"][0]["hostPath"], "/run/zcrxd/web")
        self.assertEqual(found["b.2"]["mounts"][0]["hostPath"], "/run/b")
        # A container may have several.
        self.assertEqual(len({e["mounts"][0]["containerPath"] for e in found.values()}), 2)

    def test_a_class_does_not_get_what_is_anothers(self):
        for content, words in (
                ("[class web]\nsocket=/run/zcrxd/web.sock\n", "/run/zcrxd/web/zcrxd.sock"),
                ("[class web]\nsocket=/srv/web.sock\n[class b]\nsocket=/srv/b.sock\n", "more in this one"),
                ("[class web]\nsocket=/srv/web.sock\n[class b]\nsocket=/srv/b/b.sock\n", "more in this one"),
                ("[class web]\nsocket=/web.sock\n", "more in this one"),
                ("", "no class with a socket")):
            result = self.run_tool(CTL, "cdi", *self.config(content))
            self.assertEqual((result.returncode, result.stdout), (1, b""), content)
            self.assertIn(words, result.stderr.decode())

    def test_writes_a_file_that_others_can_read(self):
        os.umask(0o077)
        to = self.path("zcrxd.json")
        result = self.run_tool(CTL, "cdi", *self.config(WEB), "-o", to)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
        with open(to, encoding="ascii") as f:
            self.assertEqual(list(faults(json.load(f))), [])
        self.assertEqual(os.stat(to).st_mode & 0o777, 0o644)
        self.assertEqual(sorted(os.listdir(self.dir)), ["conf", "zcrxd.json"])

    def test_mistakes(self):
        for content, status, arguments in (
                ("[sockets]\nclients=relative\n", 1, []),
                (f"[sockets]\nclients=/{'x' * 107}\n", 1, []),
                ("[class web]\nsocket=web.sock\n", 1, []),
                ("[sockets]\nnonsense=1\n", 1, []),
                ("[class 1st]\nsocket=/run/a\n", 1, []),
                ("", 1, ["-c", self.path("nonexistent")]),
                (WEB, 1, ["-o", self.path("nonexistent/zcrxd.json")]),
                (WEB, 2, ["-f"]),
                ("", 2, ["default"]),
                ("", 2, ["--nonsense"])):
            result = self.run_tool(CTL, "cdi", *self.config(content), *arguments)
            self.assertEqual(result.returncode, status, (content, arguments))
            self.assertEqual(result.stdout, b"")
            self.assertNotEqual(result.stderr, b"")

    def test_the_rules_find_faults(self):
        good = self.specification(*self.config(WEB))
        for fault in ({"kind": "zcrxd"}, {"kind": "Zcrxd/class"}, {"devices": []}, {"more": 1},
                      {"devices": good["devices"] * 2},
                      {"devices": [{**good["devices"][0], "name": "-"}]},
                      {"devices": [{"name": "x", "containerEdits": {"mounts": [{"hostPath": "/a"}]}}]}):
            self.assertNotEqual(list(faults({**good, **fault})), [], fault)


world.main()
