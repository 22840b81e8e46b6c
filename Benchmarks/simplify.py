#!/usr/bin/env python3
"""Times and measures `thimble convert --simplify` beside onnxslim and onnxsim: simplify.py THIMBLE OUTPUT.md MODEL...

Run with a Python that has onnx, onnxslim and onnxsim (newest). Each simplifier works in a process of its own with one thread. Nodes are counted with those of
subgraphs and functions, bytes with external data. Times are processor time, the best of ROUNDS (from the environment; 2), of thimble of twice as many: of the
whole processes, and of the bare work. That is for the peers the call of their function with reading and writing, and for thimble the process without what
`thimble --version` takes.
A model with initializers that callers may replace has a second row with --freeze-defaults.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import onnx

ROUNDS = int(os.environ.get("ROUNDS", 2))
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


def count(nodes):
    """Nodes with those of all graphs in them."""
    total = len(nodes)
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                total += count(attribute.g.node)
            total += sum(count(g.node) for g in attribute.graphs)
    return total


def run(arguments, **options):
    """Output, processor seconds and largest resident kilobytes of one process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(arguments, stdout=out, stderr=err, env={**os.environ, "OMP_NUM_THREADS": "1"}, **options)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0), err.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status), err.read().decode()


def nodes(path):
    model = onnx.load(path, load_external_data=False)
    return count(model.graph.node) + sum(count(f.node) for f in model.functions)


def size(path):
    stem = path[: -len(".onnx")]
    return sum(os.path.getsize(p) for p in [path] + glob.glob(glob.escape(stem) + "-*.bin") + glob.glob(glob.escape(path) + "*data*"))


def best(results):
    """Of several runs of one simplifier."""
    failed = next((r for r in results if "error" in r), None)
    return failed or {**results[0], **{key: min(r[key] for r in results) for key in ("process", "call", "memory")}}


def ours(thimble, source, target, options, start):
    _, seconds, memory, code, err = run([thimble, "convert", source, "-o", target, "--force", "--threads", "1", *options])
    if code != 0:
        return {"error": err.strip()[-120:]}
    return {"nodes": nodes(target), "bytes": size(target), "process": seconds, "call": max(0, seconds - start), "memory": memory}


def peer(tool, source, target):
    out, seconds, memory, code, err = run([sys.executable, "-c", PEER, tool, source, target])
    if code != 0:
        return {"error": (err.strip().splitlines() or ["?"])[-1][:120]}
    call = json.loads(out.strip().splitlines()[-1])["seconds"]
    return {"nodes": nodes(target), "bytes": size(target), "process": seconds, "call": call, "memory": memory}


def has_defaults(source):
    model = onnx.load(source, load_external_data=False)
    inputs = {i.name for i in model.graph.input}
    return model.ir_version >= 4 and any(i.name in inputs for i in model.graph.initializer)


def cell(result, key):
    if "error" in result:
        return "fails"
    return f"{result[key] * 1000:.1f}" if key in ("process", "call") else f"{result[key]:,}"


def main():
    thimble, report, sources = sys.argv[1], sys.argv[2], sys.argv[3:]
    start = min(run([thimble, "--version"])[1] for _ in range(20))
    sizes = [
        "| model | nodes | thimble | onnxslim | onnxsim | bytes | thimble | with --strip | onnxslim | onnxsim |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    times = ["| model | thimble | onnxslim | onnxsim | ratio | thimble, bare | onnxslim, bare | onnxsim, bare | ratio |", "|---|---|---|---|---|---|---|---|---|"]
    misses = []
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "out.onnx")
        rows = []
        for source in sources:
            rows.append((source, []))
            if has_defaults(source):
                rows.append((source, ["--freeze-defaults"]))
        for source, options in rows:
            name = " ".join([os.path.basename(source)[: -len(".onnx")], *options])
            simple, slim, sim = [], [], []
            for _ in range(ROUNDS):
                simple += [ours(thimble, source, target, ["--simplify", *options], start) for _ in range(2)]
                slim.append(peer("onnxslim", source, target))
                sim.append(peer("onnxsim", source, target))
            simple, slim, sim = best(simple), best(slim), best(sim)
            stripped = ours(thimble, source, target, ["--simplify", "--strip", *options], start)
            for key, mine in (("nodes", simple), ("bytes", simple), ("bytes", stripped)):
                rivals = [r[key] for r in (slim, sim) if "error" not in r]
                if "error" in mine or rivals and mine[key] > min(rivals):
                    misses.append(f"{name}: {cell(mine, key)} {key}{' stripped' if mine is stripped else ''}, the better peer {min(rivals, default=0):,}")
            ratios = {}
            for key in ("process", "call"):
                ratios[key] = "" if "error" in slim or "error" in simple else f"{simple[key] / slim[key]:.3f}"
                if ratios[key] and simple[key] > slim[key] / 10:
                    misses.append(f"{name}: {key} {cell(simple, key)} ms, onnxslim {cell(slim, key)} ms")
            row = [name, f"{nodes(source):,}"] + [cell(r, "nodes") for r in (simple, slim, sim)] + [f"{size(source):,}"]
            sizes.append("| " + " | ".join(row + [cell(r, "bytes") for r in (simple, stripped, slim, sim)]) + " |")
            row = [name]
            for key in ("process", "call"):
                row += [cell(r, key) for r in (simple, slim, sim)] + [ratios[key]]
            times.append("| " + " | ".join(row) + " |")
            print(sizes[-1], times[-1], sep="\n", flush=True)
    with open(report, "w") as f:
        f.write(f"Start of thimble: {start * 1000:.1f} ms\n\n" + "\n".join(sizes) + "\n\n" + "\n".join(times) + "\n\nMisses:\n\n" + "".join(f"* {m}\n" for m in misses))
    print("\n".join(misses))


main()
