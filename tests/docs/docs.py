#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documents say what is true, as far as a program can tell.

usage: docs.py C-COMPILER PROGRAM...
- The manual shows every function of zcrx.h and zcrx-mem.h just as it is declared, and names every constant.
- The example program of zcrx(3) compiles.
- The manual of each PROGRAM lists the options that its --help lists, and no others.
- zcrxd accepts the example configuration, whose keys are those of zcrxd.conf(5).
- README.md has at most 1000 words, and its receive loop is the one of examples/recv.c.
- Commands that README.md and others tell to type are there, with their options; so are files that any document names.
- docs/status.md has every field that daemon/broker/status_text.c puts into an object, with its type, and no others.
- The pages that tell how to choose a backend name each of proto/backend.h.
- Links between the documents lead somewhere, and the tests that docs/security.md names are there.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

from commands import Commands

ROOT = os.environ["ZCRX_SOURCE_DIR"]
COMMANDS = {"zcrxctl": [["status"], ["doctor"], ["plan"], ["restore"], ["cdi"], ["policy"], ["upgrade"]]}
WORDS_OF_README = 1000
TYPED = ("README.md", "CONTRIBUTING.md", "kernel/README.md", "docs/benchmarks.md", "docs/operating.md")
problems = []


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


PAGES = {os.path.basename(p)[:-4]: text(p) for p in glob.glob(os.path.join(ROOT, "docs/man/*.scd"))}


def squeeze(code):
    return re.sub(r"\s+", " ", code).strip()


def blocks(page):
    return re.findall(r"^```\w*\n(.*?)^```$", page, re.M | re.S)


def check_header():
    header = text("lib", "zcrx.h") + text("lib", "mem", "zcrx-mem.h")
    shown = squeeze(" ".join(blocks("".join(p for n, p in PAGES.items() if n.endswith(".3")))))
    declared = re.findall(r"^ZCRX_API (.*?;)", header, re.M | re.S)
    for declaration in declared:
        if shown.count(squeeze(declaration)) != 1:
            problems.append(f"no page, or more than one, shows: {squeeze(declaration)}")
    manual = "".join(PAGES.values())
    for name in re.findall(r"^(?:#define|\t)\s*(ZCRX_[A-Z_]+) ", header, re.M):
        if name != "ZCRX_API" and name not in manual:
            problems.append(f"no page names {name}")
    return len(declared)


def check_example(compiler):
    source = next(b for b in blocks(PAGES["zcrx.3"]) if "int n," in b)
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(source.replace("\\\\", "\\"))
        f.flush()
        done = subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               "-I", os.path.join(ROOT, "lib"), f.name], check=False)
    if done.returncode:
        problems.append("the example of zcrx(3) does not compile")


def options(found):
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*|-[A-Z])", found))


def check_options(program):
    name = os.path.basename(program)
    page = next(p for n, p in PAGES.items() if re.fullmatch(name + r"\.\d", n))
    said = set()
    for command in COMMANDS.get(name, [[]]):
        done = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout:
            problems.append(f"{name} {command} --help: exit status {done.returncode}")
        said |= options(done.stdout)
    bold = options(" ".join(re.findall(r"\*(-[^*]*)\*", page.split("# EXAMPLES")[0])))
    for option in sorted(said - bold):
        problems.append(f"{name}: {option} is in --help, not in the manual")
    for option in sorted(bold - said):
        problems.append(f"{name}: {option} is in the manual, not in --help")


def configuration(zcrxd, content):
    """What zcrxd makes of it: {key: value}, or None and a message when it refuses."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(content)
        f.flush()
        done = subprocess.run([zcrxd, "--config", f.name, "--check"], capture_output=True, text=True,
                              check=False)
    return None if done.returncode else dict(re.findall(r"^([a-z-]+)=(.*)$", done.stdout, re.M)), done.stderr


def check_configuration(zcrxd):
    example = text("systemd", "zcrxd.conf")
    page = PAGES["zcrxd.conf.5"]
    defaults, _ = configuration(zcrxd, "")
    shown, message = configuration(zcrxd, re.sub(r"^;(?=[a-z-]+ =)", "", example, flags=re.M))
    if shown != defaults:
        problems.append(f"systemd/zcrxd.conf: {shown} are not the defaults {defaults}: {message}")
    documented = set(re.findall(r"^\*([a-z-]+)\* =", page, re.M))
    classes, _ = configuration(zcrxd, "[nic e]\nqueues=0\n[class a]\nsocket=/a\n[class b]\nusers=0\n")
    if documented != set(classes):
        problems.append(f"zcrxd.conf(5) and zcrxd differ in {sorted(documented ^ set(classes))}")
    for key, default in re.findall(r"^\*([a-z-]+)\* =(?:(?!\n\*)[^#])*?Default: (\S+)$", page, re.M):
        section = re.search(r"^\[([\w ]+)\][^[]*^;?" + key + " =", example, re.M)
        start = f"[{section[1]}]\n" if section else "[nic e]\nqueues = 0\n"
        default = default.strip("_").replace("\\", "")
        if configuration(zcrxd, f"{start}{key} = {default}\n")[0] != configuration(zcrxd, start)[0]:
            problems.append(f"zcrxd.conf(5): {default} is not the default of {key}")
    refused, message = configuration(zcrxd, example + "nonsense = 1\n")
    if refused is not None or "nonsense" not in message:
        problems.append(f"zcrxd --check accepts nonsense: {message}")


def check_readme():
    page = text("README.md")
    if len(page.split()) > WORDS_OF_README:
        problems.append(f"README.md has {len(page.split())} words, at most {WORDS_OF_README} are allowed")
    loop = next(b for b in blocks(page) if "zcrx_reap" in b)
    if squeeze(loop) not in squeeze(text("examples", "recv.c")):
        problems.append("the loop of README.md is not that of examples/recv.c")


# The functions of daemon/broker/status_text.c that make an object each, and its heading in docs/status.md.
OBJECTS = {"status_text": "Document", "class_json": "Class", "counts_json": "Amounts", "client_json": "Client",
           "queue_json": "Queue", "flow_json": "Flow", "upgrades_json": "Upgrades"}


def fields_made():
    """{heading: {field: type}}: what the functions put into the objects they make, by themselves or by others."""
    source = text("daemon", "broker", "status_text.c")
    bodies = {name: body for name, body in re.findall(
        r"^(?:static )?[\w *]*?(\w+)\([^;{]*\)\n\{\n(.*?)^\}", source, re.M | re.S)}
    made = {}
    amounts = [key.replace("-", "_") for key in re.findall(r'X\(\w+, "([a-z-]+)"', text("policy", "limits.h"))]
    amounts.append("files")

    def add(heading, body):
        found = made.setdefault(heading, {})
        for call, into, name, value in re.findall(
                r'(add_number|add_text|add_cleaned|add_address|json_object_object_add)\((\w+),\s*"(\w+)",?\s*([^;]*);', body):
            of = "Amounts" if into in ("limits", "in_use") else heading
            kind = ("number" if call == "add_number" or "new_uint64" in value or "new_double" in value
                    else "boolean" if "new_boolean" in value
                    else "text" if call != "json_object_object_add" else "")
            made.setdefault(of, {})[name] = kind
        if "limits_name(" in body:
            found.update((name, "number") for name in amounts)
        for other in re.findall(r"\b(\w+)\(o\b", body):
            if other not in ("add_number", "add_text", "add_cleaned", "add_address") and other in bodies:
                add(heading, bodies[other])

    for name, heading in OBJECTS.items():
        add(heading, bodies[name])
    makers = {name for name, body in bodies.items() if "json_object_new_object()" in body}
    if makers != set(OBJECTS):
        problems.append(f"tests/docs does not know which objects are made by {sorted(makers ^ set(OBJECTS))}")
    return made


def check_status():
    page, made = text("docs", "status.md"), fields_made()
    if sum(map(len, made.values())) < 50:
        problems.append(f"daemon/broker/status_text.c makes only these fields: {made}")
    for heading, fields in made.items():
        section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", page, re.M | re.S)
        rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section[1] if section else "", re.M))
        for name in sorted(set(fields) ^ set(rows)):
            where = "status_text.c, not in docs/status.md" if name in fields else "docs/status.md, not in status_text.c"
            problems.append(f"status document, {heading}: {name} is in {where}")
        for name in sorted(set(fields) & set(rows)):
            if rows[name] not in ((fields[name],) if fields[name] else ("list", "object")):
                problems.append(f"docs/status.md, {heading}: {name} is no {rows[name]}")


def check_backends():
    """A page that lets its reader choose a backend names all of them."""
    names = set(re.findall(r'X\(\w+, \d+, "(\w+)"', text("proto", "backend.h")))
    for page, start in ("zcrxd.conf.5", "*backends* ="), ("zcrxctl.8", "*--backend*"), ("zcrx-cat.1", "*-b*, *--backend*"):
        said = PAGES[page].split(f"\n{start}")[1].split("\n\n")[0]
        if len(names) < 3 or names - set(re.findall(r"\w+", said)):
            problems.append(f"{page}: the paragraph of {start} does not name all of {sorted(names)}")


def anchors(markdown):
    for title in re.findall(r"^#+ (.*)$", markdown, re.M):
        yield re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def check_links():
    for name in documents():
        content = text(name)
        for target in re.findall(r"\]\(([^)\s]+)\)", content):
            path, _, anchor = target.partition("#")
            if ":" in path:
                continue
            file = os.path.join(ROOT, os.path.dirname(name), path) if path else os.path.join(ROOT, name)
            if not os.path.exists(file):
                problems.append(f"{name}: {target} leads nowhere")
            elif anchor and anchor not in anchors(text(file)):
                problems.append(f"{name}: {target}: there is no such heading")


def documents():
    return [n for n in glob.glob("**/*.md", root_dir=ROOT, recursive=True) if not n.startswith("build")]


def check_commands():
    commands = Commands(ROOT, programs)
    for name in TYPED:
        commands.page(name, text(name))
    for name in documents():
        commands.paths(name, text(name))
    for name, page in PAGES.items():
        commands.paths(name, page)
    problems.extend(commands.problems)
    if commands.checked < 100:
        problems.append(f"only {commands.checked} commands and files were found in the documents")


def check_tests():
    """What docs/security.md says is tested is there: files, and steps that it quotes."""
    names = glob.glob("**/*.[chp]*", root_dir=ROOT, recursive=True)
    known = {f"/{n}" for n in names if not n.startswith("build")}
    for line in text("docs", "security.md").splitlines():
        cited = [n for n in re.findall(r"[\w/]+\.(?:c|h|py)\b", line)
                 if not any(k.endswith("/" + n) for k in known)]
        problems.extend(f"docs/security.md: there is no {n}" for n in cited)
        row = line.split("|")
        steps = re.findall(r'([\w/]+\.py): "([^"]+)"', row[3]) if len(row) == 5 else []
        for file, step in steps:
            found = [text(k[1:]) for k in known if k.endswith("/" + file)]
            if not any(step in content for content in found):
                problems.append(f"docs/security.md: {file} has no step \"{step}\"")


compiler, *programs = sys.argv[1:]
functions = check_header()
check_example(compiler)
check_links()
check_tests()
check_readme()
check_commands()
check_backends()
check_status()
for program in programs:
    check_options(program)
    if os.path.basename(program) == "zcrxd":
        check_configuration(program)
for problem in problems:
    print(problem)
print(f"{len(problems)} problems in {len(PAGES)} pages, {functions} functions, {len(programs)} programs")
sys.exit(1 if problems else 0)
