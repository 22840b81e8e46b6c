"""One model in ONNX Runtime: prints load to first result, latency and memory as JSON. runtime_peer.py MODEL INPUTS.npz THREADS SECONDS"""

import json
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
# What Python and the library take before there is a model does not count.
before = status("VmRSS")
start = time.perf_counter()
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
session.run(None, inputs)
first = time.perf_counter() - start
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end or len(times) < 5:
    start = time.perf_counter()
    session.run(None, inputs)
    times.append(time.perf_counter() - start)
times.sort()
print(json.dumps({"first": first, "minimum": times[0], "median": times[len(times) // 2], "memory": status("VmHWM") - before}))
