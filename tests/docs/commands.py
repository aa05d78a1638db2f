# SPDX-License-Identifier: MIT
"""What documents tell a reader to type: is it there?

A command is what a line of a code block without a language, or a piece of `code`, begins with. Of a
command of ours its words are checked as well: subcommands and options against its --help, presets
against CMakePresets.json.
"""
import glob
import json
import os
import re
import subprocess

OURS = ("zcrxd", "zcrxctl", "zcrx-cat")
# What the documents may call that is not ours.
OTHERS = {"cmake", "cpack", "ctest", "ethtool", "insmod", "ip", "make", "modprobe", "nsenter", "perf", "pkg-config",
          "sysctl", "systemctl", "systemd-sysusers", "systemd-tmpfiles", "usermod", "ldconfig", "cd", "cp", "mkdir", "export",
          "git"}
# What a build leaves there.
BUILT = {"kernel/zcnic.ko"}
FOLDERS = "base|bench|cmake|daemon|docs|examples|kernel|lib|nic|policy|proto|scripts|systemd|tests|tools"


class Commands:
    def __init__(self, root, programs):
        self.root = root
        self.programs = {os.path.basename(p): p for p in programs}
        with open(os.path.join(root, "CMakePresets.json"), encoding="utf-8") as f:
            self.presets = {p["name"] for p in json.load(f)["configurePresets"]}
        self.helps = {}
        self.problems = []
        self.checked = 0

    def help(self, *command):
        if command not in self.helps:
            done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            self.helps[command] = None if done.returncode else done.stdout
        return self.helps[command]

    def presets_exist(self, name, words):
        for flag, value in zip(words, words[1:]):
            preset = value.removeprefix("build/")
            if flag in ("--preset", "--install", "--build") and preset[0] != "-" and preset not in self.presets:
                self.problems.append(f"{name}: there is no preset {preset}")

    def program(self, word):
        """The file to ask for --help, or None if there is none."""
        if word in OURS:
            return self.programs.get(word)
        if re.match(r"build/\w+/", word):
            folder, program = os.path.split(word)
            path = self.programs.get(program, "")
            return path if path.endswith(f"{folder.split('/', 2)[2]}/{program}") else None
        path = os.path.join(self.root, word)
        return path if os.access(path, os.X_OK) and os.path.isfile(path) else None

    def one(self, name, words):
        while words and (words[0] == "sudo" or "=" in words[0]):
            words = words[1:]
        if not words or words[0] in OTHERS:
            return self.presets_exist(name, words)
        program = self.program(words[0])
        self.checked += 1
        if program is None:
            return self.problems.append(f"{name}: there is no {words[0]}")
        command = [program]
        if os.path.basename(program) == "zcrxctl":
            command += [w for w in words[1:2] if not w.startswith("-")]
        said = self.help(*command) if len(words) > 1 else ""
        if words[:2] == ["bench/run", "--vm"]:  # it hands all options on to bench/vm
            said += self.help(os.path.join(self.root, "bench", "vm")) or ""
        if said is None:
            return self.problems.append(f"{name}: {' '.join(words[:2])} --help fails")
        for option in set(words[1:words.index("--") if "--" in words else None]) - {"--help"}:
            if re.fullmatch(r"--?[a-z][a-z-]*", option) and not re.search(rf"(?<![\w-]){option}(?![\w-])", said):
                self.problems.append(f"{name}: {words[0]} has no option {option}")
        return None

    def line(self, name, line):
        for command in re.split(r"&&|;|\|", re.sub(r"(^|\s)#.*", "", line)):
            words = command.split()
            if words:
                self.one(name, words)

    def page(self, name, content):
        """The commands of a document."""
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", content, re.M | re.S):
            if language or re.match(r"\[|# /etc/|   peer", block):
                continue  # a program, a configuration file, the picture
            for line in block.splitlines():
                self.line(name, line)
        prose = re.sub(r"^```.*?^```$", "", content, flags=re.M | re.S)
        for code in re.findall(r"`([^`\n]+)`", prose):
            if re.match(rf"(scripts|bench)/[\w-]+( |$)|({'|'.join(OURS)}) ", code):
                self.line(name, code)

    def paths(self, name, content):
        """The files and folders of ours that a document names."""
        for path in re.findall(rf"(?<![\w./-])((?:{FOLDERS})/[\w.@*/-]*\w)", content):
            self.checked += 1
            # A test that runs in the VM is named below tests/, a program of C without its ending.
            there = any(glob.glob(os.path.join(self.root, p)) for p in (path, f"tests/{path}", path + ".*"))
            if not there and path not in BUILT:
                self.problems.append(f"{name}: there is no {path}")
