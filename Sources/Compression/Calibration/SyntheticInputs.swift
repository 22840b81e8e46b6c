public import ModelGraph
internal import Tensors

extension Samples {
    /// Inputs for a model of which there are none: images whose energy falls with the frequency as that of photographs does (1/f), tokens that the
    /// tables they look up have, numbers that the graph compares with. Equal seeds, equal samples.
    public static func synthetic(for model: Model, count: Int = 16, seed: UInt64 = 0) throws -> Samples {
        var maker = SyntheticInputs(model, seed: seed)
        return Samples(try (0..<count).map { try maker.sample($0) }, origin: "\(count) synthetic samples", isSynthetic: true)
    }
}

private struct SyntheticInputs {
    private let inputs: [ValueInfo]
    /// Rows of the table that an input looks up; numbers that it is compared with.
    private var tables: [Name: Int] = [:]
    private var choices: [Name: [Int64]] = [:]
    private var state: UInt64

    init(_ model: Model, seed: UInt64) {
        state = seed
        let constants = Set(model.graph.initializers.compactMap(\.name))
        inputs = model.graph.inputs.filter { $0.name.map { !constants.contains($0) } ?? false }
        var tensors: [Name: Tensor] = [:]
        for tensor in model.graph.initializers { if let name = tensor.name { tensors[name] = tensor } }
        for node in model.graph.nodes {
            if node.opType == "Constant", case .tensor(let tensor)? = node.attribute("value")?.value, let output = node.outputs.first { tensors[output] = tensor }
        }
        // What is handed on unchanged is still the input.
        var source: [Name: Name] = [:]
        for input in inputs { if let name = input.name { source[name] = name } }
        for node in model.graph.nodes {
            let op = node.opType?.text ?? ""
            if ["Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose"].contains(op), let from = node.inputs.first, let to = node.outputs.first,
                let input = source[from]
            {
                source[to] = input
            }
            if op == "Gather", node.inputs.count == 2, let input = source[node.inputs[1]], let table = tensors[node.inputs[0]], let rows = table.dims.first {
                tables[input] = min(tables[input] ?? .max, rows)
            }
            if op == "Equal", node.inputs.count == 2 {
                for (one, other) in [(0, 1), (1, 0)] {
                    guard let input = source[node.inputs[one]], let constant = tensors[node.inputs[other]], constant.elementType == .int64,
                        let bytes = try? constant.plainBytes().array(), bytes.count == 8
                    else { continue }
                    choices[input, default: []].append(bytes.enumerated().reduce(0) { $0 | Int64($1.element) << (8 * $1.offset) })
                }
            }
        }
    }

    mutating func sample(_ number: Int) throws -> [Name: Value] {
        var values: [Name: Value] = [:]
        for info in inputs {
            guard let name = info.name else { continue }
            values[name] = try within("input '\(name)'") { .tensor(try self.tensor(info, name, number)) }
        }
        return values
    }

    private mutating func tensor(_ info: ValueInfo, _ name: Name, _ number: Int) throws -> Tensor {
        guard case .tensor(let type?, let shape?)? = info.type?.kind else {
            throw ModelError(.badArgument, "is \(info.type?.description ?? "of unknown type"); synthetic values are made for tensors of known rank, give samples")
        }
        let isToken = !type.isFloat && shape.rank > 1
        let dims = shape.dims.enumerated().map { axis, dim in
            if case .value(let size) = dim.size, size > 0 { return Int(clamping: size) }
            return axis == 0 ? 1 : isToken ? 32 : shape.rank >= 4 && axis >= 2 ? 64 : 16
        }
        guard let count = elementCount(of: dims), count <= 1 << 26 else { throw ModelError(.limit, "\(dims) is too large for synthetic values") }
        if type.isQuantizable {
            let values = dims.count >= 3 ? image(dims) : (0..<count).map { _ in normal() }
            let memory = try OwnedMemory(byteCount: count * type.storageWidth)
            unsafe values.withUnsafeBufferPointer { unsafe FloatConversion.fromFloat($0, type, into: memory.bytes) }
            return Tensor(type, dims: dims, bytes: TensorBytes(memory))
        }
        guard [.int64, .int32, .int16, .int8, .uint8, .uint16, .uint32, .uint64, .bool].contains(type) else {
            throw ModelError(.unsupported, "is \(type); give samples")
        }
        let isMask = name.text.lowercased().contains("mask") || type == .bool, rows = tables[name]
        var bytes = [UInt8](repeating: 0, count: count * type.storageWidth)
        for index in 0..<count {
            let value: Int64
            if let list = choices[name], !list.isEmpty {
                value = list[number % list.count]
            } else if let rows {
                value = Int64(next() % UInt64(max(1, rows)))
            } else if isMask {
                value = 1
            } else {
                value = type.storageWidth == 1 || isToken ? Int64(next() % 128) : Int64(next() % 2)
            }
            for byte in 0..<type.storageWidth { bytes[index * type.storageWidth + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
        }
        return Tensor(type, dims: dims, bytes: TensorBytes(bytes))
    }

    /// Sums of random grids, each twice as coarse and twice as strong as the one before, with straight lines between their points: the energy of an
    /// octave is about the same for all, as in 1/f noise. Mean 0, deviation 1.
    private mutating func image(_ dims: [Int]) -> [Float] {
        let height = dims[dims.count - 2], width = dims[dims.count - 1], planes = dims.dropLast(2).reduce(1, *)
        var values: [Float] = []
        values.reserveCapacity(planes * height * width)
        for _ in 0..<planes {
            var plane = [Float](repeating: 0, count: height * width)
            var cell = max(height, width)
            while cell >= 1 {
                let rows = height / cell + 2, columns = width / cell + 2
                let grid = (0..<rows * columns).map { _ in normal() }
                for y in 0..<height {
                    let row = y / cell, down = Float(y % cell) / Float(cell)
                    for x in 0..<width {
                        let column = x / cell, right = Float(x % cell) / Float(cell), at = row * columns + column
                        let upper = grid[at] + (grid[at + 1] - grid[at]) * right
                        let lower = grid[at + columns] + (grid[at + columns + 1] - grid[at + columns]) * right
                        plane[y * width + x] += upper + (lower - upper) * down
                    }
                }
                cell /= 2
            }
            let mean = plane.reduce(0, +) / Float(max(1, plane.count))
            let deviation = (plane.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(max(1, plane.count))).squareRoot()
            values += plane.map { ($0 - mean) / max(deviation, 1e-6) }
        }
        return values
    }

    /// About normal: the sum of four even numbers.
    private mutating func normal() -> Float {
        let sum = (0..<4).reduce(Float(0)) { sum, _ in sum + Float(next() >> 40) / Float(1 << 24) }
        return (sum - 2) * 1.732
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
