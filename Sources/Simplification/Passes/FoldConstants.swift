internal import ModelGraph
internal import Operators
internal import Tensors

/// Computes in advance what does not depend on the inputs.
///
/// Applies to values that inference knows, and to nodes all of whose inputs are constants; the kernels that run models compute them. What the
/// rest of the graph reads of it becomes a constant if that is not larger than the nodes and constants that go, but for `slack` bytes each.
/// Leaves alone random operators, nodes with subgraphs, calls of functions, walls, what DequantizeLinear makes (it would undo a quantization),
/// and what takes more than `largest` bytes.
enum FoldConstants: GraphPass {
    static let name = "fold-constants"
    static let summary = "what does not depend on the inputs is computed in advance, where that takes no more bytes"

    /// Of one tensor that is computed.
    static let largest = 4 << 20
    /// Of all that are computed in one run of the pass and not yet written.
    static let largestSum = 24 << 20
    /// What a node less may cost.
    static let slack = 96

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        var folding = Folding(graph)
        let order = try graph.orderOfAll()
        for node in order { folding.evaluate(node) }
        guard !folding.known.isEmpty else { return }
        for node in order.reversed() { folding.decide(node, &log) }
        for node in order.reversed() where folding.gone.contains(node) { graph.remove(node) }
    }
}

private struct Folding {
    let graph: GraphEditor
    private(set) var known: [ValueID: Tensor] = [:]
    /// Nodes that nobody needs when all is done.
    private(set) var gone: Set<NodeID> = []
    private var computedBytes = 0
    private let environment = FoldingEnvironment()

    init(_ graph: GraphEditor) { self.graph = graph }

    // MARK: values

    mutating func evaluate(_ node: NodeID) {
        let record = graph.nodes[node]
        guard record.subgraphs.isEmpty, !record.kind.isRandom, record.kind != .constant, !record.outputs.isEmpty,
            !record.node.attributes.contains(where: { $0.referenceName != nil }),
            !record.outputs.contains(where: { $0 >= 0 && graph.values[$0].isPinned })
        else { return }
        if evaluateFacts(record) { return }
        guard record.kind != .dequantizeLinear, record.kind != .dropout, !record.inputs.isEmpty else { return }
        var inputs: [Value?] = []
        for value in record.inputs {
            if value < 0 { inputs.append(nil); continue }
            guard let tensor = known[value] ?? graph.constant(value), tensor.isUnencoded, (tensor.plainByteCount ?? .max) <= 4 * FoldConstants.largest else { return }
            inputs.append(.tensor(Tensor(tensor.elementType, dims: tensor.dims, encoding: tensor.encoding)))
        }
        guard graph.isKnown(node), !graph.setting.functions.contains(FunctionKey(record.node)) else { return }
        evaluate(node, record, inputs)
    }

    private mutating func evaluateFacts(_ record: EditedNode) -> Bool {
        var found: [(ValueID, Tensor)] = []
        for value in record.outputs where value >= 0 {
            guard let tensor = graph.fact(value).constant else { return false }
            found.append((value, tensor))
        }
        for (value, tensor) in found { known[value] = tensor }
        return true
    }

    private mutating func evaluate(_ node: NodeID, _ record: EditedNode, _ inputs: [Value?]) {
        guard let kernel = Operators.runnable(record.node.opType ?? "", domain: record.domain), computedBytes < FoldConstants.largestSum else { return }
        // A kernel that refuses leaves the node to whoever runs the model.
        guard let outputs = try? kernel.run(Call(node: graph.written(node), opset: record.opset, inputs: inputs, environment: environment)) else { return }
        var found: [(ValueID, Tensor)] = []
        for (index, value) in record.outputs.enumerated() where value >= 0 {
            guard index < outputs.count, case .tensor(let tensor)? = outputs[index], let size = tensor.foldedByteCount, size <= FoldConstants.largest else { return }
            computedBytes += size
            found.append((value, tensor))
        }
        for (value, tensor) in found {
            known[value] = tensor
            graph.facts[value] = Fact(constant: tensor)
        }
    }

    // MARK: what becomes a constant

    /// Readers were decided before.
    mutating func decide(_ node: NodeID, _ log: inout PassLog) {
        let record = graph.nodes[node], used = record.outputs.filter { $0 >= 0 && isRead($0) }
        guard !record.outputs.isEmpty, record.outputs.allSatisfy({ $0 < 0 || known[$0] != nil }) else { return }
        guard !used.isEmpty else {
            gone.insert(node)
            return
        }
        // A constant as an output is a Constant node: nothing is gained by one in place of another node without inputs.
        if used.contains(where: { graph.isOutput($0) }), record.inputs.isEmpty { return }
        let cost = used.reduce(0) { $0 + (known[$1]?.foldedByteCount ?? .max / 4) + 8 }
        guard cost <= gain(node) + FoldConstants.slack else {
            log.leftAlone("\(graph.label(node)): \(cost) bytes would take the place of \(gain(node))")
            return
        }
        let label = graph.label(node)
        for value in used {
            guard let tensor = known[value] else { continue }
            graph.nodes[node].outputs = graph.nodes[node].outputs.map { $0 == value ? -1 : $0 }
            graph.makeConstant(value, tensor)
        }
        gone.insert(node)
        log.did(label)
    }

    private func isRead(_ value: ValueID) -> Bool {
        graph.values[value].users.contains { use in use.node < 0 || !gone.contains(use.node) }
    }

    /// Bytes of the node and of everything that only it needs.
    private func gain(_ node: NodeID) -> Int {
        var removed: Set<NodeID> = [node], pending = [node], bytes = 0, remaining: [ValueID: Int] = [:]
        while let next = pending.popLast(), removed.count < 4096 {
            bytes += graph.byteCount(of: next)
            // What many read is not read by this node alone; counting its readers again and again would take long.
            for value in graph.nodes[next].inputs where value >= 0 && graph.values[value].users.count <= 64 {
                let rest = (remaining[value] ?? graph.values[value].users.reduce(0) { $0 + ($1.node >= 0 && gone.contains($1.node) ? 0 : 1) }) - 1
                remaining[value] = rest
                guard rest == 0, !graph.values[value].isPinned else { continue }
                if let maker = graph.maker(value) {
                    if known[value] != nil, graph.nodes[maker].outputs.allSatisfy({ $0 < 0 || remaining[$0] ?? graph.values[$0].users.count == 0 }),
                        removed.insert(maker).inserted
                    { pending.append(maker) }
                } else if let tensor = graph.constant(value) {
                    bytes += (tensor.foldedByteCount ?? 0) + graph.values[value].name.byteCount + 8
                }
            }
        }
        return bytes
    }
}

/// Kernels that compute constants: little memory, one thread, no loops.
private final class FoldingEnvironment: RunEnvironment, Sendable {
    var threads: Int { 1 }

    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] { throw ModelError(.internalFault, "a subgraph is not run in advance") }
    func countTrip() throws {}
    func nextRandom() -> UInt64 { 0 }

    func checkAllocation(_ byteCount: Int) throws {
        guard byteCount <= FoldConstants.largest else { throw ModelError(.limit, "a folded constant would take \(byteCount) bytes") }
    }
}

extension Tensor {
    /// True for values as ONNX holds them: what is computed of a quantized or sparse form would be larger than that.
    var isUnencoded: Bool {
        switch encoding {
        case .plain, .strings: true
        default: false
        }
    }

    /// Bytes that it takes in a file; nil if that is not known.
    var foldedByteCount: Int? {
        if case .strings(let list) = encoding { return list.joined.count + 8 * list.ends.dims.reduce(1, *) }
        return plainByteCount
    }
}

extension GraphEditor {
    /// About the bytes of a node in an ONNX file, without what it reads.
    func byteCount(of node: NodeID) -> Int {
        let record = nodes[node]
        var bytes = 6 + (record.node.opType?.byteCount ?? 0) + (record.node.name?.byteCount ?? 0)
        for value in record.inputs { bytes += 2 + (value >= 0 ? values[value].name.byteCount : 0) }
        for value in record.outputs { bytes += 2 + (value >= 0 ? values[value].name.byteCount : 0) }
        for attribute in record.node.attributes { bytes += 8 + (attribute.name?.byteCount ?? 0) + attribute.value.listByteCount }
        return bytes
    }
}

extension AttributeValue {
    fileprivate var listByteCount: Int {
        switch self {
        case .ints(let values): 2 * values.count
        case .floats(let values): 4 * values.count
        case .string(let bytes): bytes.count
        case .tensor(let tensor): tensor.foldedByteCount ?? 0
        default: 4
        }
    }
}
