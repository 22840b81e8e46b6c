"""Measures processes: wall time, processor time, peak resident and peak anonymous memory.

Anonymous memory is RssAnon of /proc/PID/status, read every 2 ms while the process runs: what a process holds beyond the file pages that
the kernel can drop. A short peak between two looks can be missed; the peak of RSS comes from the kernel (wait4) and cannot.
"""

import os
import statistics
import subprocess
import time


class Run:
    def __init__(self, command, environment=None):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self.anonymous = 0
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            os.set_blocking(process.stderr.fileno(), False)
        self.output, self.errors = b"", b""
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            self.output += process.stdout.read() or b""
            self.errors += process.stderr.read() or b""
            if pid:
                break
            self.anonymous = max(self.anonymous, self._anonymous(process.pid))
            time.sleep(0.0005 if time.perf_counter() - start < 0.05 else 0.002)
        self.wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        self.code = process.returncode
        self.processor = usage.ru_utime + usage.ru_stime
        self.resident = usage.ru_maxrss * 1024
        if self.code != 0:
            raise SystemExit(f"{' '.join(command)} ended with {self.code}: {self.errors.decode(errors='replace')[:500]}")

    @staticmethod
    def _anonymous(pid):
        try:
            with open(f"/proc/{pid}/status") as f:
                for line in f:
                    if line.startswith("RssAnon:"):
                        return int(line.split()[1]) * 1024
        except (OSError, ValueError):
            pass
        return 0


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
