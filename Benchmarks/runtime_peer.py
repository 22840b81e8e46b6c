"""One model in ONNX Runtime: prints load to first result, latency and memory as JSON. runtime_peer.py MODEL INPUTS.npz THREADS SECONDS

With 0 seconds it ends after the first run, its outputs written: the whole process is then what `thimble run` does.
"""

import json
import os
import sys
import time

import numpy as np
import onnxruntime


def status(key):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(key + ":"))


model, inputs, threads, seconds = sys.argv[1], dict(np.load(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.log_severity_level = 4
# What Python and the library take before there is a model.
before = status("VmRSS")
start = time.perf_counter()
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
loaded = time.perf_counter()
outputs = session.run(None, inputs)
end = time.perf_counter()
report = {"load": loaded - start, "first": end - start, "growth": status("VmHWM") - before}
if seconds > 0:
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    times.sort()
    report |= {"minimum": times[0], "median": times[len(times) // 2]}
else:
    np.savez(os.devnull, **{value.name: array for value, array in zip(session.get_outputs(), outputs)})
print(json.dumps(report))
