internal import ModelGraph
internal import Operators
internal import Tensors

/// Recognises scaled dot-product attention written out in single steps.
///
///     softmax(Q · Kᵀ · s + M) · V      becomes      Attention(Q, K, V, M; scale = s)
///
/// Applies from operator set 23 on, in FLOAT, to values of [batch, heads, length, size] with as many heads of queries as of keys, where no step is read
/// elsewhere and inference is sure of all dims that must agree. The scale may stand on Q, on K, or on their product. Where all three are heads split from
/// [batch, length, heads · size] and the result is joined again, the Reshapes and Transposes go too. A mask that is the same for all queries is
/// expanded to them once, as runtimes ask for. Guarantees fewer nodes. Leaves alone masks behind a scale and choices by Where.
enum FuseAttention: GraphPass {
    static let name = "fuse-attention"
    static let summary = "the steps of scaled dot-product attention become Attention, where the operator set has it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard graph.opset >= 23 else { return }
        var masks = ExpandedMasks()
        for softmax in graph.nodes(of: .softmax) where graph.nodes[softmax].isAlive {
            guard let found = AttentionSteps(softmax, graph), let mask = masks.plan(found, graph) else { continue }
            let joined = JoinedHeads(found, graph), steps = found.stepCount + (joined?.stepCount ?? 0)
            guard steps - 1 > mask.cost else {
                log.leftAlone("\(graph.label(softmax)): \(steps) nodes would become \(mask.cost + 1)")
                continue
            }
            log.did("\(graph.label(softmax)) and the steps around it")
            let value = found.mask < 0 ? -1 : masks.make(mask, found, graph)
            if let joined { joined.rewrite(found, value, graph) } else { found.rewrite(value, graph) }
        }
    }
}

/// Masks that were expanded in this run, so that each is expanded once.
private struct ExpandedMasks {
    struct Plan {
        /// Nodes that it takes.
        let cost: Int
        /// What to expand to: constant dims, or where a length can be read.
        var lengths: (data: ValueID, axis: Int)?
        var fixed: Int?
    }

    private var made: [ValueID: ValueID] = [:]

    /// How the mask becomes one of [.., queries, keys]; nil if it does not fit.
    func plan(_ found: AttentionSteps, _ graph: GraphEditor) -> Plan? {
        guard found.mask >= 0 else { return Plan(cost: 0) }
        guard let dims = graph.dims(found.mask), let scores = graph.dims(found.scores), dims.count <= 4, let last = dims.last, last.isSame(as: scores[3]),
            zip(dims.reversed(), scores.reversed()).allSatisfy({ $0 == 1 || $0.isSame(as: $1) })
        else { return nil }
        if dims.count >= 2, dims[dims.count - 2].isSame(as: scores[2]) { return Plan(cost: 0) }
        if made[found.mask] != nil { return Plan(cost: 0) }
        if let fixed = scores[2].value { return graph.setting.isFunction ? nil : Plan(cost: 1, fixed: fixed) }
        guard !graph.setting.isFunction, graph.nodes[found.softmax].graph == graph.root, let place = graph.place(of: scores[2], or: found.query) else { return nil }
        return Plan(cost: 3, lengths: place)
    }

    mutating func make(_ plan: Plan, _ found: AttentionSteps, _ graph: GraphEditor) -> ValueID {
        if let known = made[found.mask] { return known }
        let place = graph.nodes[found.softmax].graph
        var target: ValueID
        if let fixed = plan.fixed {
            target = graph.addConstant(.int64Vector([fixed, 1]), in: place)
        } else if let (data, axis) = plan.lengths {
            let bounds = [Attribute("start", .int(Int64(axis))), Attribute("end", .int(Int64(axis + 1)))]
            let length = graph.addNode(.shape, [data], bounds, in: place, near: found.softmax)
            let one = graph.addConstant(.int64Vector([1]), in: place)
            let joined = graph.addNode(.concat, [graph.nodes[length].outputs[0], one], [Attribute("axis", .int(0))], in: place, near: found.softmax)
            target = graph.nodes[joined].outputs[0]
        } else {
            return found.mask
        }
        let node = graph.addNode(.expand, [found.mask, target], in: place, near: found.softmax)
        made[found.mask] = graph.nodes[node].outputs[0]
        return graph.nodes[node].outputs[0]
    }
}

extension GraphEditor {
    /// A value with an axis of this size: an input of the model, or else `data`.
    fileprivate func place(of size: Dim, or data: ValueID) -> (data: ValueID, axis: Int)? {
        for value in graphs[root].inputs + [data] {
            if let axis = dims(value)?.firstIndex(where: { $0.isSame(as: size) }) { return (value, axis) }
        }
        return nil
    }
}

/// The nodes of one attention, from Q · Kᵀ to the product with V.
private struct AttentionSteps {
    let softmax: NodeID
    /// The product with V.
    let last: NodeID
    /// [batch, heads, length, size].
    let query: ValueID
    let value: ValueID
    /// The keys as [batch, heads, length, size], or those of which a Transpose (0, 2, 1, 3) gives these.
    let key: (value: ValueID, isSwapped: Bool)
    /// -1: none.
    let mask: ValueID
    /// What the softmax is taken of.
    let scores: ValueID
    let scale: Double
    let size: Int
    let heads: Dim
    /// Nodes that go if it becomes one, without those that split and join heads.
    private(set) var stepCount = 3

    init?(_ softmax: NodeID, _ graph: GraphEditor) {
        let record = graph.nodes[softmax], output = record.outputs[0]
        scores = record.inputs[0]
        guard graph.rank(scores) == 4, graph.elementType(scores) == .float, [-1, 3].contains(graph.int(softmax, "axis") ?? -1), let last = graph.onlyUser(output),
            graph.nodes[last].kind == .matMul, graph.nodes[last].inputs[0] == output, graph.nodes[last].inputs[1] != output, graph.hasOneUse(scores)
        else { return nil }
        (self.softmax, self.last, value) = (softmax, last, graph.nodes[last].inputs[1])
        var product = Scaled(scores, graph), mask = -1
        if graph.maker(product.value, .matMul) == nil, let add = graph.maker(scores, .add) {
            let inputs = graph.nodes[add].inputs
            guard let index = inputs.indices.first(where: { graph.maker(Scaled(inputs[$0], graph).value, .matMul) != nil && graph.hasOneUse(inputs[$0]) }) else { return nil }
            (product, mask) = (Scaled(inputs[index], graph), inputs[1 - index])
            stepCount += 1
        }
        self.mask = mask
        guard let matMul = graph.maker(product.value, .matMul), graph.hasOneUse(product.value) else { return nil }
        let left = Scaled(graph.nodes[matMul].inputs[0], graph), right = Scaled(graph.nodes[matMul].inputs[1], graph)
        query = left.value
        guard let mirror = graph.maker(right.value, .transpose), let perm = graph.ints(mirror, "perm"), perm == [0, 1, 3, 2] || perm == [0, 2, 3, 1] else { return nil }
        let source = Scaled(graph.nodes[mirror].inputs[0], graph)
        key = (source.value, perm == [0, 2, 3, 1])
        scale = product.number * left.number * right.number * source.number
        stepCount += product.steps + left.steps + right.steps + source.steps + (key.isSwapped || !graph.hasOneUse(right.value) ? 0 : 1)
        guard let q = graph.dims(query), let k = graph.dims(key.value), let v = graph.dims(value), q.count == 4, k.count == 4, v.count == 4, let size = q[3].value, size > 0,
            graph.elementType(value) == .float, graph.elementType(query) == .float, v[3].value != nil, Float(scale).isNormal, scale > 0
        else { return nil }
        let (heads, length) = key.isSwapped ? (k[2], k[1]) : (k[1], k[2])
        guard q[0].isSame(as: k[0]), q[0].isSame(as: v[0]), q[1].isSame(as: heads), q[1].isSame(as: v[1]), q[3].isSame(as: k[3]), length.isSame(as: v[2]) else { return nil }
        (self.size, self.heads) = (size, q[1])
    }

    /// Without a scale that is the operator's default.
    var attributes: [Attribute] {
        Float(scale) == 1 / Float(size).squareRoot() ? [] : [Attribute("scale", .float(Float(scale)))]
    }

    /// In the form with four axes.
    func rewrite(_ mask: ValueID, _ graph: GraphEditor) {
        var keys = key.value
        if key.isSwapped {
            let swap = graph.addNode(.transpose, [keys], [Attribute("perm", .ints([0, 2, 1, 3]))], in: graph.nodes[last].graph, near: softmax)
            keys = graph.nodes[swap].outputs[0]
        }
        graph.rewrite(last, as: .attention, [query, keys, value, mask].trimmed, attributes)
    }
}

/// A value without the numbers that it is multiplied by, in steps that nobody else reads.
private struct Scaled {
    let value: ValueID
    let number: Double
    let steps: Int

    init(_ value: ValueID, _ graph: GraphEditor) {
        var value = value, number = 1.0, steps = 0
        while steps < 4, let maker = graph.maker(value), [.mul, .div].contains(graph.nodes[maker].kind), graph.hasOneUse(value),
            let (constant, data) = graph.constantOperand(of: maker), let scalar = graph.scalar(constant), scalar != 0, graph.isScalar(constant, beside: data),
            graph.nodes[maker].kind == .mul || graph.nodes[maker].inputs[1] == constant
        {
            number *= graph.nodes[maker].kind == .mul ? scalar : 1 / scalar
            (value, steps) = (data, steps + 1)
        }
        (self.value, self.number, self.steps) = (value, number, steps)
    }
}

/// Queries, keys and values of [batch, length, heads · size], and the Reshape that joins the heads of the result.
private struct JoinedHeads {
    private let inputs: [ValueID]
    private let heads: Int
    private let scale: Double
    /// The Reshape behind the Transpose of the result.
    private let join: NodeID
    private let isExact: Bool
    /// Nodes that split and join heads and go with them.
    let stepCount: Int

    init?(_ found: AttentionSteps, _ graph: GraphEditor) {
        guard let heads = found.heads.value, let swap = graph.onlyUser(graph.nodes[found.last].outputs[0]), graph.nodes[swap].kind == .transpose,
            graph.ints(swap, "perm") == [0, 2, 1, 3], let join = graph.onlyUser(graph.nodes[swap].outputs[0]), graph.nodes[join].kind == .reshape,
            let result = graph.dims(graph.nodes[swap].outputs[0]), let size = result[3].value, let joined = graph.dims(graph.nodes[join].outputs[0])
        else { return nil }
        isExact = joined.count == 3 && joined[0].isSame(as: result[0]) && joined[1].isSame(as: result[1]) && joined[2].value == heads * size
        // A Reshape to other dims stays, if it means the same for three axes.
        guard isExact || graph.constantInts(graph.input(join, 1))?.contains(0) == false else { return nil }
        var scale = found.scale, inputs: [ValueID] = [], steps = isExact ? 2 : 1
        for (value, isSwapped, isScalable) in [(found.query, false, true), (found.key.value, found.key.isSwapped, true), (found.value, false, false)] {
            guard let source = Self.source(value, isSwapped, graph) else { return nil }
            let plain = isScalable ? Scaled(source, graph) : nil
            scale *= plain?.number ?? 1
            inputs.append(plain?.value ?? source)
            if graph.hasOneUse(value) { steps += isSwapped ? 1 : 2 }
        }
        (self.inputs, self.heads, self.scale, self.join, stepCount) = (inputs, heads, scale, join, steps)
    }

    /// [batch, length, heads · size] whose heads were split and moved to the front.
    private static func source(_ value: ValueID, _ isSwapped: Bool, _ graph: GraphEditor) -> ValueID? {
        var split = value
        if !isSwapped {
            guard let swap = graph.maker(value, .transpose), graph.ints(swap, "perm") == [0, 2, 1, 3] else { return nil }
            split = graph.nodes[swap].inputs[0]
        }
        guard let reshape = graph.maker(split, .reshape), let dims = graph.dims(split), let heads = dims[2].value, let size = dims[3].value,
            let source = graph.dims(graph.nodes[reshape].inputs[0]), source.count == 3, source[0].isSame(as: dims[0]), source[1].isSame(as: dims[1]),
            source[2].value == heads * size
        else { return nil }
        return graph.nodes[reshape].inputs[0]
    }

    func rewrite(_ found: AttentionSteps, _ mask: ValueID, _ graph: GraphEditor) {
        var attributes = [Attribute("q_num_heads", .int(Int64(heads))), Attribute("kv_num_heads", .int(Int64(heads)))]
        if Float(scale) != 1 / Float(found.size).squareRoot() { attributes.append(Attribute("scale", .float(Float(scale)))) }
        let operands = (inputs + [mask]).trimmed
        if isExact {
            graph.rewrite(join, as: .attention, operands, attributes)
        } else {
            let node = graph.addNode(.attention, operands, attributes, in: graph.nodes[join].graph, near: found.last)
            graph.setInput(join, 0, graph.nodes[node].outputs[0])
        }
    }
}

extension [ValueID] {
    /// Without what is left out at the end.
    fileprivate var trimmed: [ValueID] { last == -1 ? Array(dropLast()) : self }
}
