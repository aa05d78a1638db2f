# SPDX-License-Identifier: MIT
"""Unix sockets of others."""


def accepts(path):
    """Does somebody listen at the path? The path exists a moment before. Connecting to a clients' socket would make
    a client, with a pump."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        return any(words[3] == "00010000" and words[-1] == path for words in map(str.split, f))
