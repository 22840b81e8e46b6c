"""Runs a command and reports what it took, as JSON to a descriptor: python -I -S launch.py DESCRIPTOR COMMAND…

The kernel counts the peak of a process from before its exec on, when its memory was still that of the process that started it. This
small process starts the command, so that what is counted is the command's own (any that takes less than Python alone is not).
"""

import json
import os
import select
import sys
import time


def anonymous(pid):
    """RssAnon of /proc/PID/status in bytes; 0 if it cannot be known."""
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


report, command = int(sys.argv[1]), sys.argv[2:]
os.set_inheritable(report, False)
start, most = time.perf_counter(), 0
pid = os.fork()
if pid == 0:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
    os._exit(127)
ended = select.poll()
ended.register(os.pidfd_open(pid), select.POLLIN)
while not ended.poll(2):
    most = max(most, anonymous(pid))
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - start
os.write(report, json.dumps({
    "code": os.waitstatus_to_exitcode(status), "wall": wall, "processor": usage.ru_utime + usage.ru_stime, "resident": usage.ru_maxrss * 1024,
    "anonymous": most}).encode())
