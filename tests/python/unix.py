# SPDX-License-Identifier: MIT
"""Unix sockets of others."""


def accepts(path):
    """Does somebody listen at the path? The path exists a moment before. Connecting to a clients' socket would make
    a client, with a pump. zcrxd makes a socket beside the path and moves it there; the kernel shows the first name."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        return any(words[3] == "00010000" and words[-1] in (path, f"{path}~") for words in map(str.split, f))
