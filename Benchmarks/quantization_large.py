#!/usr/bin/env python3
"""int8 of a large model without data: seconds and the most anonymous memory of Thimble, NNCF, MNN and ONNX Runtime, whole processes in turn.

    quantization_large.py MODEL.onnx [--thimble PATH] [--rounds 2] [--folder FOLDER]

The smallest of all rounds counts. NNCF is given the model both as ONNX and through OpenVINO."""
import argparse, os, subprocess, sys, tempfile, time


def watched(command):
    """Seconds, and bytes of anonymous memory at most, of a process."""
    start, most = time.time(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                for line in status:
                    if line.startswith("RssAnon"):
                        most = max(most, int(line.split()[1]) * 1024)
        except OSError:
            pass
        time.sleep(0.01)
    return (time.time() - start, most) if process.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--thimble", default="thimble")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", default=None)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=a.folder) as folder:
        python = lambda text: [sys.executable, "-c", text, a.model, folder + "/out"]
        tools = {
            "thimble .thimble": [a.thimble, "convert", a.model, "-o", folder + "/out.thimble", "--quantize", "int8", "--force"],
            "thimble .onnx": [a.thimble, "convert", a.model, "-o", folder + "/out.onnx", "--quantize", "int8", "--force"],
            "NNCF, ONNX": python("import sys, nncf, onnx; onnx.save(nncf.compress_weights(onnx.load(sys.argv[1])), sys.argv[2] + '.onnx')"),
            "NNCF, OpenVINO": python("import sys, nncf, openvino as ov; ov.save_model(nncf.compress_weights(ov.convert_model(sys.argv[1])), sys.argv[2] + '.xml')"),
            "MNN": [os.path.join(os.path.dirname(sys.executable), "mnnconvert"), "-f", "ONNX", "--modelFile", a.model, "--MNNModel", folder + "/out.mnn", "--weightQuantBits", "8"],
            "ONNX Runtime": python("import sys; from onnxruntime.quantization import quantize_dynamic as q; q(sys.argv[1], sys.argv[2] + '.onnx')"),
        }
        best = {}
        for _ in range(a.rounds):
            for tool, command in tools.items():
                found = watched(command)
                for name in os.listdir(folder):
                    os.remove(os.path.join(folder, name))
                print(tool, "failed" if found is None else f"{found[0]:.2f} s, {found[1] / 2**20:.0f} MB", flush=True)
                if found:
                    old = best.get(tool, found)
                    best[tool] = (min(old[0], found[0]), max(old[1], found[1]))
    print("| tool | seconds | anonymous MB |\n|---|---:|---:|")
    for tool, (seconds, memory) in best.items():
        print(f"| {tool} | {seconds:.2f} | {memory / 2**20:.0f} |")


if __name__ == "__main__":
    main()
