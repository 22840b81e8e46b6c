"""Times this build beside cp and the Python tools in the same run and prints a table in Markdown: see Benchmarks/run."""

import argparse
import glob
import os
import shutil
import subprocess
import sys

import measure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(ROOT, "..", "shared", "corpus")
PYTHON = os.path.join(ROOT, ".cache", "python", "bin", "python")
THIMBLE = os.path.join(ROOT, ".build", "release", "thimble")


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def milliseconds(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


class Bench:
    def __init__(self, arguments):
        self.rounds, self.work = arguments.rounds, arguments.work
        self.models = os.path.join(self.work, "models")
        self.out = os.path.join(self.work, "out")
        os.makedirs(self.models, exist_ok=True)

    def clean(self):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    def model(self, name, make):
        """The path of a model that is made once."""
        path = os.path.join(self.models, name)
        if not os.path.exists(path):
            print(f"making {name}", file=sys.stderr)
            temporary = os.path.join(self.models, "new-" + name)
            make(temporary)
            os.rename(temporary, path)
        return path

    def table(self, title, series, base=None, note=""):
        print(f"\n### {title}\n\n| | time (median of {self.rounds}) | {'times ' + base + ' | ' if base else ''}processor | peak RSS | peak anonymous |")
        print("|---|---|" + ("---|" if base else "") + "---|---|---|")
        for name, one in series.items():
            ratio = f" {one.median('wall') / series[base].median('wall'):.2f} |" if base else ""
            print(f"| {name} | {milliseconds(one.median('wall'))} |{ratio} {milliseconds(one.median('processor'))} | {megabytes(one.peak('resident'))} | {megabytes(one.peak('anonymous'))} |")
        if note:
            print("\n" + note)
        sys.stdout.flush()

    def conversion(self, title, path, python=True):
        """Lossless conversion beside cp of the same bytes; external data counts for cp too."""
        files = [path] + ([path + ".data"] if os.path.exists(path + ".data") else [])
        target = lambda name: os.path.join(self.out, name)
        commands = {
            "cp": (self.clean, ["cp", *files, self.out]),
            "thimble convert": (self.clean, [THIMBLE, "convert", path, "-o", target("m.thimble")]),
        }
        series = measure.interleaved(commands, self.rounds)
        self.clean()
        subprocess.run([THIMBLE, "convert", path, "-o", os.path.join(self.work, "m.thimble"), "--force"], check=True, stdout=subprocess.DEVNULL)
        back = {"thimble convert, back": (self.clean, [THIMBLE, "convert", os.path.join(self.work, "m.thimble"), "-o", target("m.onnx")])}
        series |= measure.interleaved(back, self.rounds)
        if python:
            script = "import onnx, sys; onnx.save(onnx.load(sys.argv[1]), sys.argv[2])"
            series |= measure.interleaved({"Python onnx, load and save": (self.clean, [PYTHON, "-c", script, path, target("m.onnx")])}, min(self.rounds, 3))
        self.table(title, series, "cp", f"{megabytes(sum(map(os.path.getsize, files)))} in, {megabytes(os.path.getsize(os.path.join(self.work, 'm.thimble')))} out.")
        self.clean()

    def compression(self, kind, path):
        series = measure.interleaved({"thimble convert --zlib": (self.clean, [THIMBLE, "convert", path, "-o", os.path.join(self.out, "m.thimble"), "--zlib"])}, self.rounds)
        one = series["thimble convert --zlib"]
        before, after = os.path.getsize(path), os.path.getsize(os.path.join(self.out, "m.thimble"))
        restored = measure.interleaved({"back": (lambda: None, [THIMBLE, "convert", os.path.join(self.out, "m.thimble"), "-o", os.path.join(self.out, "m.onnx"), "--force"])}, self.rounds)["back"]
        return (f"| {kind} | {before / after:.4f} | {before / 1e6 / one.median('processor'):.0f} MB/s | {one.median('processor') / one.median('wall'):.2f} "
                f"| {milliseconds(one.median('wall'))} | {milliseconds(restored.median('wall'))} | {megabytes(one.peak('anonymous'))} |")


def transformers(bench, arguments):
    """The transformer in three types: a real one if it was given, else the shapes of one filled with noise."""
    made = os.path.join(ROOT, "Benchmarks", "make_models.py")
    if arguments.minilm:
        yield "fp32", arguments.minilm
        for kind in ("bf16", "fp16"):
            yield kind, bench.model(f"minilm-{kind}.onnx", lambda path, k=kind: subprocess.run(
                [PYTHON, os.path.join(ROOT, "Benchmarks", "narrow.py"), arguments.minilm, path, k], check=True))
    else:
        for kind in ("fp32", "bf16", "fp16"):
            yield kind, bench.model(f"noise-{kind}.onnx", lambda path, k=kind: subprocess.run([PYTHON, made, path, "transformer", k], check=True))


def big_model(bench, name, what):
    """1.07 GB in one file, or 2.69 GB with external data, which stays beside the model under its own name."""
    path = os.path.join(bench.models, name)
    if not os.path.exists(path):
        print(f"making {name}", file=sys.stderr)
        subprocess.run([PYTHON, os.path.join(ROOT, "Benchmarks", "make_models.py"), path, what], check=True)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", default=os.path.join(ROOT, ".cache", "benchmarks"), help="where models and outputs go: 8 GB with the big ones")
    parser.add_argument("--minilm", help="an ONNX file of all-MiniLM-L6-v2 (see make_minilm.py of the corpus); without it noise is used")
    parser.add_argument("--big", help="a 1.07 GB model in one file; made if not given")
    parser.add_argument("--external", help="a 2.69 GB model with OUT.onnx.data beside it; made if not given")
    parser.add_argument("--quick", action="store_true", help="leave the models above 100 MB out")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    bench.clean()
    with open("/proc/cpuinfo") as f:
        processor = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    print(f"## Thimble {subprocess.run([THIMBLE, '--version'], capture_output=True, text=True).stdout.strip()}\n\n{os.cpu_count()} × {processor}; "
          f"whole processes, warm page cache, interleaved runs. Anonymous memory: RssAnon, sampled every 2 ms.")

    start = {name: (lambda: None, command) for name, command in {
        "/bin/true": ["/bin/true"], "thimble --version": [THIMBLE, "--version"]}.items()}
    bench.table("Start", measure.interleaved(start, max(bench.rounds, 21)))

    kinds = list(transformers(bench, arguments))
    small = sorted(glob.glob(os.path.join(ROOT, "TestModels", "*.onnx"))) + [
        path for path in (os.path.join(CORPUS, "models", name + ".onnx") for name in ("mnist-cntk-opset8", "super-resolution-10", "silero-vad-v5-nested-if", "fastestdet"))
        if os.path.exists(path)]
    series = {}
    for path in small[-4:]:
        name = os.path.basename(path)
        commands = {
            f"{name}: cp": (bench.clean, ["cp", path, bench.out]),
            f"{name}: thimble convert": (bench.clean, [THIMBLE, "convert", path, "-o", os.path.join(bench.out, "m.thimble")]),
            f"{name}: Python onnx": (bench.clean, [PYTHON, "-c", "import onnx, sys; onnx.save(onnx.load(sys.argv[1]), sys.argv[2])", path, os.path.join(bench.out, "m.onnx")]),
        }
        mnn = shutil.which("mnnconvert") or os.path.join(os.path.dirname(PYTHON), "mnnconvert")
        if os.path.exists(mnn):
            commands[f"{name}: MNN"] = (bench.clean, [mnn, "-f", "ONNX", "--modelFile", path, "--MNNModel", os.path.join(bench.out, "m.mnn"), "--bizCode", "b"])
        series |= measure.interleaved(commands, bench.rounds)
    bench.table("Small models", series)

    name = "MiniLM" if arguments.minilm else "transformer of noise"
    bench.conversion(f"{name}, {megabytes(os.path.getsize(kinds[0][1]))}", kinds[0][1])
    if not arguments.quick:
        big = arguments.big or big_model(bench, "big.onnx", "big")
        bench.conversion("1.07 GB in one file", big)
        bench.conversion("2.69 GB with external data", arguments.external or big_model(bench, "external.onnx", "external"), python=False)

    print(f"\n### --zlib, {name}\n\n| | times smaller | per core | cores busy | time | time back | peak anonymous |\n|---|---|---|---|---|---|---|")
    for kind, path in kinds:
        bench.clean()
        print(bench.compression(kind, path))
        sys.stdout.flush()

    looks, touches = {}, {}
    for path in [small[-1], kinds[0][1]] + ([] if arguments.quick else [big]):
        plain = os.path.join(bench.work, f"look-{os.path.basename(path)}.thimble")
        subprocess.run([THIMBLE, "convert", path, "-o", plain, "--force"], check=True, stdout=subprocess.DEVNULL)
        size = megabytes(os.path.getsize(path))
        looks[f"inspect .onnx, {size}"] = (lambda: None, [THIMBLE, "inspect", path])
        looks[f"inspect .thimble, {size}"] = (lambda: None, [THIMBLE, "inspect", plain])
        touch = os.path.join(ROOT, "Benchmarks", ".build", "release", "touch-one")
        if os.path.exists(touch):
            touches[f"open and touch one tensor, {size}"] = (lambda: None, [touch, plain])
    bench.table("Look inside", measure.interleaved(looks, max(bench.rounds, 11)))
    if touches:
        bench.table("Open a plain .thimble and touch one tensor: whole process", measure.interleaved(touches, max(bench.rounds, 11)))
    bench.clean()


main()
