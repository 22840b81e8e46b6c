"""Measures processes: wall time, processor time, peak resident and peak anonymous memory.

Anonymous memory is RssAnon of /proc/PID/status, read every 2 ms while the process runs: what a process holds beyond the file pages that
the kernel can drop. A short peak between two looks can be missed; the peak of RSS comes from the kernel (wait4) and cannot. A small
process in between starts the command: see launch.py.
"""

import json
import os
import statistics
import subprocess
import sys

LAUNCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")


class Run:
    def __init__(self, command, environment=None):
        ours, theirs = os.pipe()
        launcher = [sys.executable, "-I", "-S", LAUNCH, str(theirs), *command]
        done = subprocess.run(launcher, stdin=subprocess.DEVNULL, capture_output=True, env=environment, pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours, "rb") as f:
            report = json.loads(f.read() or b'{"code": -1}')
        self.output, self.errors, self.code = done.stdout, done.stderr, report["code"]
        if self.code != 0:
            raise SystemExit(f"{' '.join(command)} ended with {self.code}: {self.errors.decode(errors='replace')[:500]}")
        self.wall, self.processor, self.resident, self.anonymous = report["wall"], report["processor"], report["resident"], report["anonymous"]


class Series:
    """Runs of one command."""

    def __init__(self, name):
        self.name, self.runs = name, []

    def median(self, what):
        return statistics.median(getattr(run, what) for run in self.runs)

    def peak(self, what):
        return max(getattr(run, what) for run in self.runs)


def interleaved(commands, rounds):
    """commands: {name: (prepare, command)}. One round runs each once, so that a slow moment of the machine meets all."""
    series = {name: Series(name) for name in commands}
    for round_number in range(rounds + 1):
        for name, (prepare, command) in commands.items():
            prepare()
            run = Run(command)
            # The first round warms the page cache.
            if round_number > 0:
                series[name].runs.append(run)
    return series
