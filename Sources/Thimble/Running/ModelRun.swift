internal import Execution
internal import ModelGraph
internal import Operators
public import Tensors

/// How a model is run.
public struct RunOptions: Sendable {
    /// What the command line's `--inputs` takes, each.
    public var inputs: [String]
    /// Fill in missing inputs with random values.
    public var isRandom: Bool
    public var seed: UInt64
    /// Sizes of symbolic dimensions, for random values.
    public var dims: [Name: Int]
    /// An `.npz` for the outputs.
    public var output: String?
    public var replacing: Bool
    public var measures: Bool
    /// Runs to measure; nil: as many as two seconds take.
    public var runs: Int?
    public var threads: Int
    public var limits: RunLimits
    public var open: OpenOptions

    public init(
        inputs: [String] = [], isRandom: Bool = false, seed: UInt64 = 0, dims: [Name: Int] = [:], output: String? = nil, replacing: Bool = false,
        measures: Bool = false, runs: Int? = nil, threads: Int = processorCount, limits: RunLimits = RunLimits(),
        open: OpenOptions = OpenOptions()
    ) {
        self.inputs = inputs
        self.isRandom = isRandom
        self.seed = seed
        self.dims = dims
        self.output = output
        self.replacing = replacing
        self.measures = measures
        self.runs = runs
        self.threads = threads
        self.limits = limits
        self.open = open
    }
}

/// What one run gave.
public struct ModelRun: Sendable {
    public struct Output: Sendable {
        public let name: Name
        public let value: Value
    }

    public let path: String
    public let inputs: [Output]
    public let outputs: [Output]
    /// Seconds to open the file and to plan the run; to run once.
    public let loadSeconds: Double
    public let runSeconds: Double
    /// The process's peak of resident memory when that run was done, and how much of it came after the beginning; 0 where it is not known.
    public let memoryPeak: Int
    public let memoryGrowth: Int
    public let benchmark: Benchmark?
    /// What was written.
    public let outputPath: String?
}

extension Thimble {
    /// Runs the model in `path` once, and more often to measure it.
    public static func run(_ path: String, options: RunOptions = RunOptions()) throws -> ModelRun {
        let before = ResidentMemory(), start = monotonicSeconds()
        var opening = options.open
        opening.readsValueInfo = false
        let file = try open(path, options: opening)
        return try inFile(path, orOneOf: options.inputs + [options.output].compactMap(\.self)) {
            var planning = options.limits.session(threads: options.threads, seed: options.seed)
            planning.runsOnce = !options.measures
            let session = try Session(file.model, options: planning)
            let loaded = monotonicSeconds()
            var inputs = RunInputs(session)
            for source in options.inputs { try inputs.add(source) }
            if options.isRandom { try inputs.addRandom(seed: options.seed, dims: options.dims) }
            // Arrays of files lie at any address. A run would copy them, each run again.
            inputs.values = try inputs.values.mapValues { try $0.readyToRun() }
            let begin = monotonicSeconds()
            let values = try session.run(inputs.values)
            let end = monotonicSeconds(), memory = ResidentMemory()
            let benchmark = options.measures ? try Benchmark(session, inputs.values, runs: options.runs, threads: options.threads) : nil
            try file.checkUnchanged()
            let outputs = zip(session.outputNames, values).map { ModelRun.Output(name: $0, value: $1) }
            if let output = options.output {
                let arrays = outputs.flatMap { $0.value.arrays(named: $0.name) }
                try inFile(output) { try NumpyArchive.write(arrays, to: output, replacing: options.replacing) }
            }
            return ModelRun(
                path: path, inputs: inputs.values.sorted { $0.key < $1.key }.map { ModelRun.Output(name: $0.key, value: $0.value) }, outputs: outputs,
                loadSeconds: loaded - start, runSeconds: end - begin, memoryPeak: memory.peak,
                memoryGrowth: max(0, memory.peak - before.now), benchmark: benchmark, outputPath: options.output)
        }
    }
}

extension Value {
    /// As arrays of an `.npz`: elements of a sequence are `name.0`, `name.1` …; a map is `name.keys` and `name.values`; an optional
    /// that holds nothing is no array.
    fileprivate func arrays(named name: Name) -> [(name: Name, tensor: Tensor)] {
        func part(_ suffix: String) -> Name { Name("\(name.text).\(suffix)") }
        switch self {
        case .tensor(let tensor): return [(name, tensor)]
        case .sequence(let values): return values.enumerated().flatMap { index, value in value.arrays(named: part("\(index)")) }
        case .optional(let value): return value?.arrays(named: name) ?? []
        case .map(let entries):
            let keys = entries.map { entry in
                switch entry.key {
                case .string(let bytes): bytes
                case .int(let number): Array("\(number)".utf8)
                }
            }
            let list = Tensor(.string, dims: [keys.count], encoding: .strings(StringList(keys)))
            return [(part("keys"), list)] + entries.enumerated().map { (part("values.\($0)"), $1.value) }
        }
    }
}

extension ModelRun {
    public var json: JSONValue {
        [
            "schema": "run/1",
            "file": .string(path),
            "inputs": .list(inputs, \.json),
            "outputs": .list(outputs, \.json),
            "load_seconds": .number(rounded(loadSeconds, 6)),
            "run_seconds": .number(rounded(runSeconds, 6)),
            "memory_peak": .int(memoryPeak),
            "memory_growth": .int(memoryGrowth),
            "output": .optional(outputPath),
            "benchmark": benchmark?.json ?? .null,
        ]
    }

    public var text: String {
        var lines = ["\(printable(path)): loaded in \(milliseconds(loadSeconds)), ran in \(milliseconds(runSeconds))" + (memoryPeak > 0 ? ", \(printable(bytes: memoryPeak)) of memory at most" : "")]
        lines += table(inputs.map { ["input", $0.name.description, $0.value.summary] + $0.statistics } + outputs.map { ["output", $0.name.description, $0.value.summary] + $0.statistics })
        if let benchmark { lines += benchmark.lines }
        if let outputPath { lines.append("outputs are in \(printable(outputPath))") }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ModelRun.Output {
    fileprivate var json: JSONValue {
        guard case .tensor(let tensor) = value else { return ["name": .name(name), "value": .string(value.summary), "type": .null, "dims": .null] }
        let range = range
        return [
            "name": .name(name), "value": .string(value.summary), "type": .string("\(tensor.elementType)"), "dims": .list(tensor.dims, JSONValue.int),
            "minimum": .optional(range?.minimum), "maximum": .optional(range?.maximum), "mean": .optional(range?.mean),
        ]
    }

    fileprivate var statistics: [String] {
        range.map { ["\(significant($0.minimum)) to \(significant($0.maximum)), mean \(significant($0.mean))"] } ?? []
    }

    /// Of finite elements of a tensor of floats; nil if there are none.
    private var range: (minimum: Double, maximum: Double, mean: Double)? {
        guard case .tensor(let tensor) = value, tensor.elementType.isFloat, let values = try? tensor.floats("it") else { return nil }
        var (least, most, sum, count) = (Double.infinity, -Double.infinity, 0.0, 0)
        for index in 0..<values.count where values[index].isFinite {
            let value = Double(values[index])
            (least, most, sum, count) = (min(least, value), max(most, value), sum + value, count + 1)
        }
        return count > 0 ? (least, most, sum / Double(count)) : nil
    }
}
