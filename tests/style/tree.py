# SPDX-License-Identifier: MIT
"""The files of the project, for the checks beside this file."""
import os
import subprocess
import sys

ROOT = os.environ.get("ZCRX_SOURCE_DIR") or os.path.join(os.path.dirname(__file__), "..", "..")
NOT_OURS = ("build", ".git", "__pycache__")


def _walk():
    for folder, dirs, names in os.walk(ROOT):
        dirs[:] = [d for d in dirs if d not in NOT_OURS]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


def files(*suffixes):
    """Paths relative to ROOT, sorted: what git would commit, or without git all there is."""
    try:
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True, check=True).stdout.decode()
        names = [n for n in out.split("\0") if n and os.path.isfile(os.path.join(ROOT, n))]
    except (OSError, subprocess.CalledProcessError):
        names = list(_walk())
    names = sorted(n for n in set(names) if not suffixes or n.endswith(suffixes))
    if not names:
        sys.exit(f"no {suffixes} files below {ROOT}")
    return names


def text(name):
    """The text of a file, or None if it is not text."""
    with open(os.path.join(ROOT, name), "rb") as f:
        data = f.read()
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def finish(problems, what):
    """Prints the problems and ends the check."""
    for p in problems:
        print(p)
    print(f"{len(problems)} problems in {what}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    print("\n".join(files(*sys.argv[1:])))
