internal import Execution
internal import ModelGraph
public import Tensors

/// Where the inputs of many runs come from.
public struct SampleOptions: Sendable {
    /// What the command line's `--inputs` takes, each.
    public var inputs: [String]
    /// Fill in missing inputs with random values.
    public var isRandom: Bool
    public var seed: UInt64
    /// Sizes of symbolic dimensions, for random values.
    public var dims: [Name: Int]
    /// The most samples to take; nil: all there are, and 10 where all is random.
    public var limit: Int?
    /// Rows that one sample takes of an array that is stacked along an axis which the model leaves open; nil: all.
    public var rows: Int?

    public init(inputs: [String] = [], isRandom: Bool = false, seed: UInt64 = 0, dims: [Name: Int] = [:], limit: Int? = nil, rows: Int? = 1) {
        self.inputs = inputs
        self.isRandom = isRandom
        self.seed = seed
        self.dims = dims
        self.limit = limit
        self.rows = rows
    }
}

/// Inputs of one run.
struct Sample {
    let index: Int
    /// Where it comes from: `eval.npz, row 3`, escaped.
    let origin: String
    let values: [Name: Value]

    var place: String { "sample \(index) (\(origin))" }
}

/// Gives samples one after the other; only the file that is being read is open.
struct SampleSource {
    /// Sources of each set of files that are read together.
    private var sets: [[String]] = []
    private let options: SampleOptions
    private let inputs: RunInputs

    /// Of the inputs that `session` has.
    init(_ options: SampleOptions, for session: Session) throws {
        self.options = options
        inputs = RunInputs(session)
        // Files that hold values for some of the inputs go with every other one.
        var shared: [String] = []
        for source in options.inputs {
            if Thimble.isFolder(source) {
                sets += try Self.contents(of: source).map { [$0] }
            } else if try isWhole(source) {
                sets.append([source])
            } else {
                shared.append(source)
            }
        }
        sets = sets.isEmpty && !shared.isEmpty ? [shared] : sets.map { $0 + shared }
    }

    /// What lies in a folder: a data set, data sets, or arrays, sorted; numbers in names by their value.
    private static func contents(of folder: String) throws -> [String] {
        if FileIdentity(folder + "/input_0.pb") != nil { return [folder] }
        let listing = try FolderListing(folder)
        let sets = listing.folders.filter { !$0.utf8.contains(UInt8(ascii: "/")) && $0.hasPrefix("test_data_set_") }
        let arrays = listing.files.map(\.path).filter { path in
            !path.utf8.contains(UInt8(ascii: "/")) && [".npz", ".npy"].contains { path.utf8.suffix(4).elementsEqual($0.utf8) }
        }
        let found = sets.isEmpty ? arrays : sets
        guard !found.isEmpty else {
            throw ModelError(.badArgument, "holds neither input_0.pb, nor folders test_data_set_0 …, nor .npz or .npy files", at: [printable(folder)])
        }
        return found.sorted { ($0.utf8.count, Name($0)) < ($1.utf8.count, Name($1)) }.map { "\(folder)/\($0)" }
    }

    private func isWhole(_ source: String) throws -> Bool {
        guard FileIdentity(source) != nil || !source.utf8.contains(UInt8(ascii: "=")) else { return false }
        guard source.utf8.suffix(4).elementsEqual(".npz".utf8) else { return true }
        let names = try NumpyArchive.names(source)
        return inputs.needed.allSatisfy { names.contains($0.name ?? "") }
    }

    func forEach(_ body: (Sample) throws -> Void) throws {
        var index = 0
        func give(_ values: RunInputs, _ origin: String) throws {
            var all = values
            if options.isRandom { try all.addRandom(seed: options.seed &+ UInt64(index), dims: options.dims) }
            try body(Sample(index: index, origin: origin, values: all.values))
            index += 1
        }
        if sets.isEmpty { for number in 0..<(options.limit ?? 10) { try give(inputs, "random, seed \(options.seed &+ UInt64(number))") } }
        for set in sets {
            var inputs = inputs
            for source in set { try inputs.add(source) }
            let name = printable(fileName(set[0])), stack = try within(printable(set[0])) { try SampleStack(inputs, rows: options.rows) }
            for number in 0..<stack.count {
                if let limit = options.limit, index >= limit { return }
                var one = inputs
                one.values = try stack.sample(number)
                try give(one, stack.count > 1 ? "\(name), \(number)" : name)
            }
        }
    }
}

/// Values of which some are many, stacked along their first axis.
private struct SampleStack {
    private enum Part {
        /// The same for all samples.
        case shared(Value)
        /// Rows that each sample takes; the axis goes where the model does not have it.
        case stacked(Tensor, rows: Int, dropsAxis: Bool)
    }

    private var parts: [Name: Part] = [:]
    private(set) var count = 1

    init(_ inputs: RunInputs, rows: Int?) throws {
        var first: Name?
        for (name, value) in inputs.values.sorted(by: { $0.key < $1.key }) {
            let part = Self.part(value, inputs.known[name]?.type, rows: rows)
            parts[name] = part
            guard case .stacked(let tensor, let rows, _) = part else { continue }
            let samples = (tensor.dims[0] + rows - 1) / rows
            guard first == nil || samples == count else {
                throw ModelError(
                    .badArgument, "holds \(count) samples of '\(first ?? "")' and \(samples) of '\(name)'; give as many of each, or --batch all if they are one")
            }
            (first, count) = (name, samples)
        }
    }

    private static func part(_ value: Value, _ type: ValueType?, rows: Int?) -> Part {
        guard case .tensor(let tensor) = value, let all = tensor.dims.first, all > 1, (tensor.elementType.bitWidth ?? 8) % 8 == 0,
            case .tensor(_, let shape?)? = type?.kind
        else { return .shared(value) }
        if tensor.dims.count == shape.rank + 1 { return .stacked(tensor, rows: 1, dropsAxis: true) }
        guard tensor.dims.count == shape.rank else { return .shared(value) }
        if case .value(let size) = shape.dims[0].size, size > 0 {
            guard let size = Int(exactly: size), size < all, all % size == 0 else { return .shared(value) }
            return .stacked(tensor, rows: size, dropsAxis: false)
        }
        return rows.map { .stacked(tensor, rows: $0, dropsAxis: false) } ?? .shared(value)
    }

    func sample(_ index: Int) throws -> [Name: Value] {
        try parts.mapValues { part in
            switch part {
            case .shared(let value): value
            case .stacked(let tensor, let rows, let dropsAxis):
                .tensor(try tensor.rows(index * rows..<min(tensor.dims[0], (index + 1) * rows), dropsAxis: dropsAxis))
            }
        }
    }
}

extension Tensor {
    /// A part of the first axis, copied: what lies in a mapped file does not become resident.
    fileprivate func rows(_ range: Range<Int>, dropsAxis: Bool) throws -> Tensor {
        let row = dims.dropFirst().reduce(1, *), dims = (dropsAxis ? [] : [range.count]) + dims.dropFirst()
        if case .strings(let list) = encoding {
            return Tensor(.string, dims: dims, encoding: .strings(StringList(try list.strings(range.lowerBound * row..<range.upperBound * row))))
        }
        let bytes = try plainBytes(), width = elementType.storageWidth
        let memory = try OwnedMemory(byteCount: range.count * row * width)
        try unsafe bytes.read(range.lowerBound * row * width..<range.upperBound * row * width, into: memory.bytes)
        return Tensor(elementType, dims: dims, bytes: TensorBytes(memory))
    }
}

extension StringList {
    /// A part of them, without reading the others.
    fileprivate func strings(_ range: Range<Int>) throws -> [[UInt8]] {
        let before = range.lowerBound > 0 ? 1 : 0
        let ends = try ElementType.uint64.decode(ends.plainBytes(), from: range.lowerBound - before, range.count + before).map { Int($0) }
        let all = (before == 0 ? [0] : []) + ends
        return try zip(all, all.dropFirst()).map { try joined.copy($0..<$1) }
    }
}
