internal import ModelGraph
internal import Operators
internal import Tensors

/// Keeps equal constants once.
///
/// Applies to constants with the same type, dims and bytes, wherever in the graphs they are: the one that stays moves to a graph that all readers can
/// see. A matrix whose transpose is a constant too is read through the `transB` of the Gemm that multiplies by it. Bytes are compared only where
/// samples of them agree. Leaves alone what training or callers may change, and in functions all of it.
enum ShareTensors: GraphPass {
    static let name = "share-tensors"
    static let summary = "equal constants are kept once, also as transposes of each other where a Gemm reads them"

    private struct Key: Hashable {
        let type: ElementType
        let dims: [Int]
        let sample: Int
    }

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard !graph.setting.isFunction else { return }
        var first: [Key: [ValueID]] = [:]
        for index in graph.graphs.indices where graph.graphs[index].isAlive {
            for value in graph.graphs[index].constants {
                guard let tensor = graph.constant(value), graph.values[value].graph == index, case .plain(let bytes) = tensor.encoding,
                    graph.values[value].constant?.node == nil, !graph.values[value].users.isEmpty
                else { continue }
                let key = Key(type: tensor.elementType, dims: tensor.dims, sample: try bytes.sampleHash())
                if let same = first[key]?.first(where: { graph.constant($0).map { $0.encoding == tensor.encoding } ?? false }) {
                    share(same, value, graph, &log)
                } else if first[key]?.count ?? 0 < 16 {
                    first[key, default: []].append(value)
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
