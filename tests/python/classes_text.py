# SPDX-License-Identifier: MIT
"""The text of classes in a zcrxd.conf."""
import re


def lifted(classes, key):
    """The text with a limit that no test comes near, in each class that does not name the key itself."""
    sections = re.split(r"(?m)^(?=\[)", classes)
    if not any(s.startswith("[class default]") for s in sections):
        sections += ["\n", "[class default]\n"]
    return "".join(lifted_section(s, key) for s in sections)


def lifted_section(section, key):
    if not section.startswith("[class ") or re.search(rf"(?m)^{key}=", section):
        return section
    return section + ("" if section.endswith("\n") else "\n") + f"{key}=1000000\n"
