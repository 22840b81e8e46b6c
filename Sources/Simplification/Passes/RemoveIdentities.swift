internal import ModelGraph
internal import Operators
internal import Tensors

/// Removes nodes that give back their input as it is.
///
/// Applies where the type and every axis are sure to be the same, by inference, to: Identity; Dropout outside of training; Cast, Reshape,
/// Transpose, Expand, Slice, Pad, Tile, Resize, Flatten, Squeeze, Unsqueeze that change nothing; Concat, Sum, Max, Min, Mean of one value; sums
/// with 0, products with 1, powers of 1. Leaves alone what stands between an input and an output of one graph, and copies of captured values
/// that are outputs of a subgraph, which runtimes ask for.
enum RemoveIdentities: GraphPass {
    static let name = "remove-identities"
    static let summary = "nodes that give back their input as it is go"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(
            of: .identity, .dropout, .cast, .castLike, .reshape, .transpose, .expand, .slice, .pad, .tile, .resize, .upsample, .flatten, .squeeze, .unsqueeze,
            .concat, .sum, .max, .min, .mean, .add, .sub, .mul, .div, .pow, .relu, .averagePool, .maxPool, .reduceMean, .reduceSum, .reduceMax,
            .reduceMin, .reduceProd, .split, .where)
        {
            guard let same = source(of: node, graph), let output = graph.nodes[node].outputs.first, output >= 0 else { continue }
            guard !graph.nodes[node].outputs.dropFirst().contains(where: { $0 >= 0 && !graph.values[$0].users.isEmpty }) else { continue }
            if graph.canReplace(output, with: same) {
                log.did(graph.label(node))
                graph.replace(output, with: same)
                graph.remove(node)
            } else if graph.nodes[node].kind != .identity, canBeIdentity(output, same, graph) {
                log.did("\(graph.label(node)) is an Identity")
                graph.rewrite(node, as: .identity, [same])
            }
        }
    }

    /// An Identity says it shorter; what is pinned stays as it is.
    private static func canBeIdentity(_ output: ValueID, _ same: ValueID, _ graph: GraphEditor) -> Bool {
        !graph.values[output].isPinned && graph.opset >= 1
    }

    /// The value that a node's first output is the same as; nil if it is none, or not for sure.
    private static func source(of node: NodeID, _ graph: GraphEditor) -> ValueID? {
        let record = graph.nodes[node]
        guard let data = record.inputs.first, data >= 0, let output = record.outputs.first, output >= 0 else { return nil }
        func ifSameDims() -> ValueID? { graph.haveSameDims(data, output) ? data : nil }
        switch record.kind {
        case .identity: return data
        case .dropout: return isInactiveDropout(node, graph) ? data : nil
        case .cast, .castLike:
            guard let type = graph.elementType(data), type == graph.elementType(output) else { return nil }
            return data
        case .reshape: return ifSameDims() ?? (keepsAllDims(node, graph) ? data : nil)
        case .expand: return ifSameDims()
        case .flatten, .squeeze, .unsqueeze: return ifSameDims()
        case .transpose:
            guard let perm = graph.ints(node, "perm") ?? graph.rank(data).map({ Array((0..<$0).reversed()) }) else { return nil }
            return movesNothing(perm, graph.dims(data)) ? data : nil
        case .slice: return graph.isWholeSlice(node) ? data : nil
        case .pad: return isEmptyPad(node, graph) ? data : nil
        case .tile:
            guard record.opset >= 6, let repeats = graph.constantInts(graph.input(node, 1)) else { return nil }
            return repeats.allSatisfy { $0 == 1 } ? data : nil
        case .resize, .upsample: return isUnitResize(node, graph) ? data : nil
        case .concat: return record.inputs.count == 1 ? data : withoutEmpty(node, graph)
        case .sum, .max, .min, .mean: return record.inputs.count == 1 ? data : nil
        case .add, .sub, .mul, .div, .pow: return neutral(node, graph)
        case .averagePool, .maxPool: return nil
        case .relu: return [.relu, .sigmoid, .softmax].contains(graph.maker(data).map { graph.nodes[$0].kind }) && graph.maker(data).map { graph.nodes[$0].outputs.first } == data ? data : nil
        case .reduceMean, .reduceSum, .reduceMax, .reduceMin, .reduceProd: return isEmptyReduction(node, graph) ? data : nil
        case .split: return record.outputs.count == 1 ? ifSameDims() : nil
        case .where:
            // Both branches are the same value of the same shape.
            guard record.inputs.count == 3, record.inputs[1] == record.inputs[2], graph.haveSameDims(record.inputs[1], output) else { return nil }
            return record.inputs[1]
        default: return nil
        }
    }

    private static func isInactiveDropout(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        if record.opset < 7 { return graph.int(node, "is_test") == 1 }
        if record.opset < 12 { return true }
        let training = graph.input(node, 2)
        return training < 0 || graph.scalar(training) == 0
    }

    /// A shape of nothing but "as the input".
    private static func keepsAllDims(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard let shape = record.opset >= 5 ? graph.constantInts(graph.input(node, 1)) : graph.ints(node, "shape"), graph.int(node, "allowzero") ?? 0 == 0,
            let rank = graph.rank(record.inputs[0]), shape.count == rank
        else { return false }
        return shape.count(where: { $0 != 0 }) == 0 || shape.count(where: { $0 != 0 }) == 1 && shape.contains(-1)
    }

    private static func movesNothing(_ perm: [Int], _ dims: [Dim]?) -> Bool {
        if perm == Array(perm.indices) { return true }
        // Axes of size 1 may change places if no dims change by it.
        guard let dims, dims.count == perm.count else { return false }
        let moved = perm.filter { dims[$0] != 1 }
        return moved == moved.sorted() && zip(perm, dims).allSatisfy { dims[$0].isSame(as: $1) }
    }

    private static func isEmptyPad(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        let pads = record.opset >= 11 ? graph.constantInts(graph.input(node, 1)) : graph.ints(node, "pads") ?? graph.ints(node, "paddings")
        return pads.map { $0.allSatisfy { $0 == 0 } } ?? false
    }

    /// Scales of 1 map every coordinate to itself, but for those that a region of interest moves.
    private static func isUnitResize(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard graph.string(node, "coordinate_transformation_mode") != "tf_crop_and_resize", graph.haveSameDims(record.inputs[0], record.outputs[0]) else { return false }
        let scales = record.kind == .upsample || record.opset == 10 ? graph.input(node, 1) : graph.input(node, 2)
        if record.kind == .upsample, record.opset < 9 {
            if case .floats(let values)? = graph.attribute(node, "scales") { return values.allSatisfy { $0 == 1 } }
            return false
        }
        if scales >= 0, let tensor = graph.constant(scales), let numbers = tensor.smallNumbers(), !numbers.isEmpty { return numbers.allSatisfy { $0 == 1 } }
        // Sizes that are those of the input.
        return record.opset >= 11 && graph.input(node, 3) >= 0 && graph.attribute(node, "axes") == nil
    }

    /// Of a Concat with empty parts the only other one.
    private static func withoutEmpty(_ node: NodeID, _ graph: GraphEditor) -> ValueID? {
        let record = graph.nodes[node]
        guard let rank = graph.rank(record.inputs[0]), rank > 0, let axis = graph.int(node, "axis") else { return nil }
        let at = axis < 0 ? axis + rank : axis
        let full = record.inputs.filter { value in graph.dims(value).map { at < $0.count && at >= 0 && $0[at] == 0 } != true }
        return full.count == 1 ? full[0] : nil
    }

    /// x + 0, x - 0, x · 1, x / 1, x ^ 1 where the other operand does not widen x.
    private static func neutral(_ node: NodeID, _ graph: GraphEditor) -> ValueID? {
        let record = graph.nodes[node]
        guard record.opset >= 7, record.inputs.count == 2, record.inputs[1] >= 0 else { return nil }
        let isSum = record.kind == .add || record.kind == .sub, wanted: Double = isSum ? 0 : 1
        for index in record.kind == .add || record.kind == .mul ? [0, 1] : [1] {
            let constant = record.inputs[index], data = record.inputs[1 - index]
            guard graph.isConstant(constant), graph.elementType(data) == graph.elementType(record.outputs[0]), graph.elementType(data) != nil,
                graph.broadcastsInto(constant, data), graph.uniformNumber(constant) == wanted
            else { continue }
            // -0 + 0 is 0: adding the negative zero changes nothing at all, adding 0 at most the sign of a zero.
            return data
        }
        return nil
    }

    /// No axes to reduce, or only axes of one element that stay.
    private static func isEmptyReduction(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard graph.haveSameDims(record.inputs[0], record.outputs[0]), let rank = graph.rank(record.inputs[0]), let dims = graph.dims(record.inputs[0]) else { return false }
        guard let axes = graph.intList(node, attribute: "axes", input: 1) else { return false }
        guard let axes, !axes.isEmpty else { return graph.int(node, "noop_with_empty_axes") == 1 && axes != nil }
        return axes.allSatisfy { axis in
            let at = axis < 0 ? axis + rank : axis
            return at >= 0 && at < rank && dims[at] == 1
        }
    }
}

extension GraphEditor {
    /// True for a Slice that leaves out nothing: it starts at 0 with step 1 and ends at or behind the end, on every axis that it names.
    func isWholeSlice(_ node: NodeID) -> Bool {
        guard let slice = slice(node), let dims = dims(nodes[node].inputs[0]) else { return false }
        return slice.axes.indices.allSatisfy { index in
            let axis = slice.axes[index] < 0 ? slice.axes[index] + dims.count : slice.axes[index]
            guard axis >= 0, axis < dims.count, slice.steps[index] == 1, slice.starts[index] == 0 else { return false }
            if let size = dims[axis].value { return slice.ends[index] >= size }
            return slice.ends[index] >= Int(Int32.max)
        }
    }

    /// What a Slice with constant bounds takes.
    func slice(_ node: NodeID) -> (starts: [Int], ends: [Int], axes: [Int], steps: [Int])? {
        let record = nodes[node]
        if record.opset < 10 {
            guard let starts = ints(node, "starts"), let ends = ints(node, "ends"), starts.count == ends.count else { return nil }
            let axes = ints(node, "axes") ?? Array(starts.indices)
            return axes.count == starts.count ? (starts, ends, axes, [Int](repeating: 1, count: starts.count)) : nil
        }
        guard let starts = constantInts(input(node, 1)), let ends = constantInts(input(node, 2)), starts.count == ends.count else { return nil }
        let axes = input(node, 3) < 0 ? Array(starts.indices) : constantInts(input(node, 3))
        let steps = input(node, 4) < 0 ? [Int](repeating: 1, count: starts.count) : constantInts(input(node, 4))
        guard let axes, let steps, axes.count == starts.count, steps.count == starts.count else { return nil }
        return (starts, ends, axes, steps)
    }
}
