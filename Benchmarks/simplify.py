#!/usr/bin/env python3
"""Times and measures `thimble convert --simplify` beside onnxslim and onnxsim: simplify.py THIMBLE OUTPUT.md MODEL...

Run with a Python that has onnx, onnxslim and onnxsim (newest). Each simplifier works in a process of its own with one thread. Nodes are counted with those of
subgraphs and functions, bytes with external data. Times are processor time, best of two: of thimble the whole process, of the peers only the call of
their function with reading and writing, without the start of Python and its imports, which take longer than that.
"""

import glob
import json
import os
import resource
import subprocess
import sys
import tempfile

PEER = """
import json, sys, time
tool, source, target = sys.argv[1:4]
import onnx
if tool == "onnxslim":
    import onnxslim
else:
    import onnxsim
start = time.process_time()
if tool == "onnxslim":
    onnx.save(onnxslim.slim(source), target)
else:
    onnx.save(onnxsim.simplify(onnx.load(source))[0], target)
print(json.dumps({"seconds": time.process_time() - start}))
"""
COUNT = """
import json, sys
import onnx


def count(nodes):
    total = len(nodes)
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                total += count(attribute.g.node)
            total += sum(count(g.node) for g in attribute.graphs)
    return total


model = onnx.load(sys.argv[1], load_external_data=False)
print(count(model.graph.node) + sum(count(f.node) for f in model.functions))
"""


def run(arguments, **options):
    """Output, processor seconds and largest resident kilobytes of one process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(arguments, stdout=out, stderr=err, env={**os.environ, "OMP_NUM_THREADS": "1"}, **options)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0), err.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), err.read().decode()


def nodes(path):
    return int(run([sys.executable, "-c", COUNT, path])[0])


def size(path):
    stem = path[: -len(".onnx")]
    return sum(os.path.getsize(p) for p in [path] + glob.glob(glob.escape(stem) + "-*.bin") + glob.glob(glob.escape(path) + "*data*"))


def ours(thimble, source, target, options):
    best = None
    for _ in range(2):
        out, seconds, memory, code, err = run([thimble, "convert", source, "-o", target, "--force", "--threads", "1", *options])
        if code != 0:
            return {"error": err.strip()[-120:]}
        best = min(best or seconds, seconds)
    return {"nodes": nodes(target), "bytes": size(target), "seconds": best, "memory": memory}


def peer(tool, source, target):
    best = None
    for _ in range(2):
        out, _, memory, code, err = run([sys.executable, "-c", PEER, tool, source, target])
        if code != 0:
            return {"error": (err.strip().splitlines() or ["?"])[-1][:120]}
        seconds = json.loads(out.strip().splitlines()[-1])["seconds"]
        best = min(best or seconds, seconds)
    return {"nodes": nodes(target), "bytes": size(target), "seconds": best, "memory": memory}


def cell(result, key):
    if "error" in result:
        return "fails"
    return f"{result[key] * 1000:.0f} ms" if key == "seconds" else f"{result[key]:,}"


def main():
    thimble, report, sources = sys.argv[1], sys.argv[2], sys.argv[3:]
    lines = [
        "| model | nodes | thimble | onnxslim | onnxsim | bytes | thimble | with --strip | onnxslim | onnxsim | thimble | onnxslim | onnxsim |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    misses = []
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "out.onnx")
        for source in sources:
            name = os.path.basename(source)[: -len(".onnx")]
            simple, stripped = ours(thimble, source, target, ["--simplify"]), ours(thimble, source, target, ["--simplify", "--strip"])
            slim, sim = peer("onnxslim", source, target), peer("onnxsim", source, target)
            for key, best in (("nodes", simple), ("bytes", stripped)):
                rivals = [r[key] for r in (slim, sim) if "error" not in r]
                if "error" in best or rivals and best[key] > min(rivals):
                    misses.append(f"{name}: {cell(best, key)} {key}, the better peer {min(rivals, default=0):,}")
            if "error" not in slim and "error" not in simple and simple["seconds"] > slim["seconds"] / 10:
                misses.append(f"{name}: {cell(simple, 'seconds')}, onnxslim {cell(slim, 'seconds')}")
            row = [name, f"{nodes(source):,}"] + [cell(r, "nodes") for r in (simple, slim, sim)] + [f"{size(source):,}"]
            row += [cell(r, "bytes") for r in (simple, stripped, slim, sim)] + [cell(r, "seconds") for r in (simple, slim, sim)]
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    with open(report, "w") as f:
        f.write("\n".join(lines) + "\n\nMisses:\n\n" + "".join(f"* {m}\n" for m in misses))
    print("\n".join(misses))


main()
