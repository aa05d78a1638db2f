# SPDX-License-Identifier: MIT
"""What bench/run, bench/idle and bench/soak share: a private zcrxd and what /proc says about it."""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "python"))
from unix import accepts  # pylint: disable=wrong-import-position
LIMITS = """[class default]
queues = 1000
flows = 10000
listeners = 10000
sessions = 1000
areas = 1000
area-bytes = 8G
nics = {nics}
requests-per-second = 100000
connections-per-second = 100000
"""


def build_argument(parser):
    parser.add_argument("--build", metavar="DIR", default=os.path.join(ROOT, "build", "release"),
                        help="where the programs were built (%(default)s)")


def program(build, folder, name):
    path = os.path.join(build, folder, name)
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is missing: cmake --preset release && cmake --build --preset release")
    return path


def machine(where="loopback"):
    """One line on where this was measured."""
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                model = " ".join(line.split(":", 1)[1].split())
                break
    cpus = len(os.sched_getaffinity(0))
    return f"Linux {platform.release()}, {cpus} CPUs, {model}, {where}"


def unless_gone(read, path):
    """What it returns for the path, which is of a process; nothing if that has just ended."""
    try:
        return read(path)
    except (FileNotFoundError, ProcessLookupError):
        return []


def lines(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.readlines()


def children(pid):
    """Of the process's first thread."""
    return [int(child) for line in unless_gone(lines, f"/proc/{pid}/task/{pid}/children") for child in line.split()]


def known(zcrxd, limits):
    """The limits, less those that an older zcrxd does not know."""
    keys = subprocess.run([zcrxd, "--check", "-c", "/dev/null"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return "".join(line for line in limits.splitlines(True)
                   if line.startswith("[") or f"\n{line.split()[0]}=" in keys)


class Daemon:
    """A zcrxd of our own, with wide limits, as a context manager; nics: {name: queues}; pump: another
    zcrx-pump than it has beside itself, or None."""

    def __init__(self, build, nics=(), pump=None):
        self.program, self.pump = program(build, "daemon", "zcrxd"), pump
        self.config = known(self.program, LIMITS).format(nics=" ".join(nics))
        self.config += "".join(f"[nic {name}]\nqueues = {nics[name]}\n" for name in nics)

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="zcrxd-bench.")
        socket, config = os.path.join(self.dir, "clients"), os.path.join(self.dir, "conf")
        self.log = os.path.join(self.dir, "log")
        if self.pump:
            for place, name in ((self.program, "zcrxd"), (self.pump, "zcrx-pump"),
                                (os.path.join(os.path.dirname(self.program), "zcrx-hand"), "zcrx-hand")):
                shutil.copy(place, os.path.join(self.dir, name))
            self.program = os.path.join(self.dir, "zcrxd")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"[sockets]\nstate={self.dir}\n{self.config}")
        with open(self.log, "w", encoding="ascii") as log:
            self.process = subprocess.Popen(
                [self.program, "--config", config, "--socket", socket,
                 "--status", os.path.join(self.dir, "status")], stderr=log)
        self.pid = self.process.pid
        self.environment = {**os.environ, "ZCRX_SOCKET": socket}
        deadline = time.monotonic() + 10
        while not accepts(socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.fail("zcrxd did not start")
            time.sleep(0.02)
        return self

    def fail(self, what):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            sys.exit(f"{what}\n{f.read()}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir)

    def pumps(self):
        return children(self.pid)

    def processes(self):
        """The broker, its pumps, and their ring-makers, where the kernel needs these."""
        pumps = self.pumps()
        return [self.pid, *pumps, *(maker for pid in pumps for maker in children(pid))]

    def tasks(self):
        """All threads of all of them."""
        return [(pid, int(task)) for pid in self.processes() for task in unless_gone(os.listdir, f"/proc/{pid}/task")]

    def pin(self, cpus):
        """All threads, and the threads and pumps that they start, run on these CPUs only."""
        for _, task in self.tasks():
            try:
                os.sched_setaffinity(task, cpus)
            except ProcessLookupError:  # it has just ended
                pass

    def memory(self):
        """The lines of /proc/PID/status that count memory, in KiB, of all processes together."""
        found = {}
        for pid in self.processes():
            for line in unless_gone(lines, f"/proc/{pid}/status"):
                key, value = line.split(":", 1)
                if value.rstrip().endswith(" kB"):
                    found[key] = found.get(key, 0) + int(value.split()[0])
        return found

    def switches(self):
        """Context switches of all threads that live now."""
        total = 0
        for pid, task in self.tasks():
            total += sum(int(line.split()[1]) for line in unless_gone(lines, f"/proc/{pid}/task/{task}/status")
                         if "ctxt_switches" in line)
        return total


def entry(name, metric, unit, ours, peer, peer_name, runs=1, spread=0.0):
    """One element of the results file; ratio = ours / peer."""
    return {"name": name, "metric": metric, "unit": unit, "ours": ours, "peer": peer,
            "peer_name": peer_name, "ratio": ours / peer if peer else None, "runs": runs,
            "spread": spread}


def write_json(path, results):
    if path:
        with open(path, "w", encoding="ascii") as f:
            json.dump(results, f, indent=1)
            f.write("\n")


def print_goals(results):
    """A table of what is measured against a goal rather than a peer."""
    for r in results:
        print(f"{r['name']:<20} {r['metric']:<26} {r['ours']:>10.4g} {r['unit']:<12} "
              f"goal {r['peer']:g}{'' if r['ours'] <= r['peer'] else '  MISSED'}")


UNITS = {"throughput": "GB/s", "cpu_per_gb": "s/GB",
         "client_cpu_per_gb": "s/GB", "latency_p50": "us", "latency_p99": "us",
         "connect_p50": "ms", "connect_p95": "ms", "ready_p50": "ms", "ready_p95": "ms"}


def repeat(contenders, runs, measure):
    """{contender: [figures, ...]}; each repetition begins with another contender."""
    names, found = list(contenders), {c: [] for c in contenders}
    for i in range(runs):
        for j in range(len(names)):
            contender = names[(i + j) % len(names)]
            found[contender].append(measure(contender))
            if sys.stderr.isatty():
                sys.stderr.write(".")
                sys.stderr.flush()
    return found


def compare(name, found, metrics):
    """Ours beside each of the others."""
    results = []
    for metric in metrics:
        ours = [f[metric] for f in found["ours"]]
        for peer in (p for p in found if p != "ours" and metric in found[p][0]):
            theirs = [f[metric] for f in found[peer]]
            ratios = [a / b for a, b in zip(ours, theirs)]
            spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
            results.append(entry(name, metric, UNITS[metric], statistics.median(ours),
                                        statistics.median(theirs), peer, len(ours), spread))
    return results


def pump(name, found):
    """What the daemon's batching is judged by."""
    results = []
    for metric in "enters", "wakeups":
        ours = [f[metric] for f in found["ours"]]
        median = statistics.median(ours)
        spread = (max(ours) - min(ours)) / median if median else 0.0
        results.append(entry(name, metric, "per 1000 completions", median, 20, "goal",
                                    len(ours), spread))
    return results


def table(results):
    """One line for each metric: ours, then each peer with the ratio and its spread."""
    rows = {}
    peers = list(dict.fromkeys(r["peer_name"] for r in results if r["peer_name"] != "goal"))
    for r in results:
        rows.setdefault((r["name"], r["metric"]), []).append(r)
    print(f"\n{'scenario':<18}{'metric':<18}{'unit':<6}{'ours':>8}" +
          "".join(f"{p:>10}{'ratio':>7}{'spread':>8}" for p in peers))
    for (name, metric), row in rows.items():
        columns = {r["peer_name"]: f"{r['peer']:>10.3f}{r['ratio']:>7.2f}{100 * r['spread']:>7.0f}%" for r in row}
        if "goal" not in columns:
            print(f"{name:<18}{metric:<18}{row[0]['unit']:<6}{row[0]['ours']:>8.3f}" +
                  "".join(columns.get(p, " " * 25) for p in peers).rstrip())
    print()
    print_goals([r for r in results if r["peer_name"] == "goal"])
