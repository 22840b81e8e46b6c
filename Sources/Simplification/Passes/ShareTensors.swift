internal import ModelGraph
internal import Operators
internal import Tensors

/// Keeps equal constants once.
///
/// Applies to constants with the same type, dims and bytes, wherever in the graphs they are: the one that stays moves to a graph that all readers can
/// see. Of a matrix whose transpose is a constant too, one is kept: a Gemm reads it by its `transA` or `transB`, all others behind one Transpose, which
/// pays from `smallest` bytes on. Bytes are compared only where samples of them agree. Leaves alone what training or callers may change, and in functions all of it.
enum ShareTensors: GraphPass {
    static let name = "share-tensors"
    static let summary = "equal constants are kept once, also as transposes of each other"

    /// Bytes of a matrix that a Transpose in the place of its copy pays for.
    static let smallest = 1024

    private struct Key: Hashable {
        let type: ElementType
        let dims: [Int]
        let sample: Int
    }

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard !graph.setting.isFunction else { return }
        var first: [Key: [ValueID]] = [:], mirrors = Mirrors()
        for index in graph.graphs.indices where graph.graphs[index].isAlive {
            for value in graph.graphs[index].constants {
                guard let tensor = graph.constant(value), graph.values[value].graph == index, case .plain(let bytes) = tensor.encoding,
                    graph.values[value].constant?.node == nil, !graph.values[value].users.isEmpty
                else { continue }
                let key = Key(type: tensor.elementType, dims: tensor.dims, sample: try bytes.sampleHash())
                if let same = first[key]?.first(where: { graph.constant($0).map { $0.encoding == tensor.encoding } ?? false }) {
                    share(same, value, graph, &log)
                } else if let mirror = try mirrors.find(tensor, bytes, graph) {
                    transpose(mirror, value, graph, &log)
                } else if first[key]?.count ?? 0 < 16 {
                    first[key, default: []].append(value)
                    try mirrors.add(value, tensor, bytes)
                }
            }
        }
    }

    /// Lets the readers of `copy` read `kept`.
    private static func share(_ kept: ValueID, _ copy: ValueID, _ graph: GraphEditor, _ log: inout PassLog) {
        guard !graph.isOutput(copy) else { return }
        let home = graph.values[kept].graph, common = graph.commonGraph(home, graph.values[copy].graph)
        log.did("'\(graph.values[copy].name)' is '\(graph.values[kept].name)'")
        if common != home { graph.move(constant: kept, to: common) }
        graph.replace(copy, with: kept)
    }

    /// Lets the readers of `copy` read `kept`, of which it is the transpose.
    private static func transpose(_ kept: ValueID, _ copy: ValueID, _ graph: GraphEditor, _ log: inout PassLog) {
        let home = graph.values[copy].graph
        guard !graph.isOutput(copy), graph.isWithin(home, graph.values[kept].graph) else { return }
        log.did("'\(graph.values[copy].name)' is the transpose of '\(graph.values[kept].name)'")
        var others = false
        for use in Array(graph.values[copy].users) {
            if use.node >= 0, use.index < 2, graph.nodes[use.node].kind == .gemm, graph.nodes[use.node].opset >= 7 {
                let attribute: Name = use.index == 0 ? "transA" : "transB"
                let isTransposed = graph.int(use.node, attribute) ?? 0 != 0
                graph.setInput(use.node, use.index, kept)
                graph.setAttribute(use.node, attribute, isTransposed ? nil : .int(1))
            } else {
                others = true
            }
        }
        guard others, let reader = graph.values[copy].users.first?.node else { return }
        let node = graph.addNode(.transpose, [kept], [Attribute("perm", .ints([1, 0]))], in: home, near: reader)
        graph.replace(copy, with: graph.nodes[node].outputs[0])
    }
}

/// Matrices by what a transposition leaves in place: the corners of the main diagonal, and the pair of the other two.
private struct Mirrors {
    private struct Key: Hashable {
        let type: ElementType
        let small: Int
        let large: Int
        let diagonal: [UInt64]
        let sides: Set<UInt64>
    }

    private var values: [Key: [ValueID]] = [:]
    /// Matrices that agree in their corners and still differ are made on purpose.
    private static let mostCompared = 4

    mutating func add(_ value: ValueID, _ tensor: Tensor, _ bytes: TensorBytes) throws {
        guard let key = try Self.key(tensor, bytes), values[key, default: []].count < Self.mostCompared else { return }
        values[key, default: []].append(value)
    }

    /// The constant whose transpose `tensor` is.
    func find(_ tensor: Tensor, _ bytes: TensorBytes, _ graph: GraphEditor) throws -> ValueID? {
        guard let key = try Self.key(tensor, bytes) else { return nil }
        for value in values[key] ?? [] {
            guard let stored = graph.constant(value), stored.dims == [tensor.dims[1], tensor.dims[0]] else { continue }
            let mirrored = Tensor(tensor.elementType, dims: tensor.dims, encoding: .transposed(Transposed(of: Tensor(stored.elementType, dims: stored.dims, encoding: stored.encoding))))
            defer { bytes.release(0..<bytes.count) }
            if try mirrored.plainBytes() == bytes { return value }
        }
        return nil
    }

    private static func key(_ tensor: Tensor, _ bytes: TensorBytes) throws -> Key? {
        guard tensor.dims.count == 2, tensor.dims[0] > 1, tensor.dims[1] > 1, bytes.count >= ShareTensors.smallest, let bits = tensor.elementType.bitWidth, bits >= 8 else { return nil }
        let (rows, columns, width) = (tensor.dims[0], tensor.dims[1], bits / 8)
        func element(_ row: Int, _ column: Int) throws -> UInt64 {
            let at = (row * columns + column) * width
            return try bytes.slice(at..<at + width).array().reduce(0) { $0 << 8 ^ $0 >> 56 ^ UInt64($1) }
        }
        let middle = min(rows, columns) / 2
        return Key(
            type: tensor.elementType, small: min(rows, columns), large: max(rows, columns), diagonal: [try element(0, 0), try element(middle, middle), try element(rows - 1, columns - 1)],
            sides: [try element(0, columns - 1), try element(rows - 1, 0)])
    }
}

extension GraphEditor {
    /// Moves a constant to a graph around its own.
    func move(constant value: ValueID, to outer: GraphID) {
        // It stays in the list of its old graph, where nobody takes it for one of that graph's.
        graphs[outer].constants.append(value)
        values[value].graph = outer
        values[value].constant?.order = .max
        if count(of: values[value].name) > 1 { rename(value, freshName()) }
        noteChange()
    }
}

extension TensorBytes {
    /// Of a few places; equal bytes have equal hashes within a run.
    fileprivate func sampleHash() throws -> Int {
        var hasher = Hasher()
        hasher.combine(count)
        let size = min(count, 64)
        for start in Set([0, (count - size) / 2, count - size]).sorted() { hasher.combine(try slice(start..<start + size).array()) }
        return hasher.finalize()
    }
}
