#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up the JUnit files of several ctest runs: skips and failures by name, then one line.

usage: summary.py BUILD-DIR CONFIGURATION...
A configuration whose BUILD-DIR/CONFIGURATION/junit.xml is missing counts as failed: it did not
even get as far as its tests. A cmocka program may skip single cases ("skip: REASON" and skip());
each counts as one skip beside the program's own result.
"""
import os
import re
import sys
import xml.etree.ElementTree as ET

REASON = re.compile(r"^.*?\bskip: *(.*)$", re.M)
CASE = re.compile(r"^\[  SKIPPED \] (\w+)$", re.M)


class Totals:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, label, case):
        output = case.findtext("system-out") or ""
        reasons = REASON.findall(output)
        if case.get("status") == "fail":
            self.failed.append(label)
        elif case.get("status") != "run":
            self.skipped.append((label, "; ".join(reasons) or "no reason given"))
        else:
            self.passed += 1
            cases = sorted(set(CASE.findall(output)))
            for i, name in enumerate(cases):
                reason = reasons[i] if len(reasons) == len(cases) else "; ".join(reasons)
                self.skipped.append((f"{label}: {name}", reason or "no reason given"))

    def add_run(self, build, configuration):
        try:
            cases = ET.parse(os.path.join(build, configuration, "junit.xml")).findall(".//testcase")
        except (OSError, ET.ParseError):
            self.failed.append(f"{configuration}: did not build or run")
            return
        if not cases:
            self.failed.append(f"{configuration}: no test was run")
        for case in cases:
            self.add(f"{configuration}: {case.get('name')}", case)


def main():
    totals = Totals()
    for configuration in sys.argv[2:]:
        totals.add_run(sys.argv[1], configuration)
    for label, reason in totals.skipped:
        print(f"skipped  {label}: {reason}")
    for label in totals.failed:
        print(f"FAILED   {label}")
    if not totals.passed and not totals.failed:
        totals.failed.append("no test was run")
    print(f"{totals.passed} passed, {len(totals.failed)} failed, {len(totals.skipped)} skipped")
    sys.exit(1 if totals.failed else 0)


main()
