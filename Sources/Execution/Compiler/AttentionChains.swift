internal import ModelGraph
internal import Operators
internal import Tensors

/// Attention written out as MatMul, Div or Mul, Add, Softmax, MatMul with Transposes around it (Vaswani et al., "Attention Is All You
/// Need", 2017, section 3.2): one step each, where nobody else reads what lies between.
struct AttentionChains {
    /// A value of four axes and the places of [batch, head, row, element] among them.
    struct Heads {
        let value: ValueID
        let axes: [Int]
    }

    struct Chain {
        let q: Heads
        let k: Heads
        let v: Heads
        let mask: ValueID?
        let scale: Float
        let y: ValueID
        /// True if `y` is [batch, row, head, element].
        let isTransposed: Bool
        /// [batch, heads, queries, keys], sizes of a row of q and of v.
        let dims: [Int]
        let depth: Int
        let valueDepth: Int
        /// Items in order; the last makes `y`.
        let members: [Int]
    }

    private var chains: [Chain] = []
    private(set) var members: ChainMembers

    init(_ unfolding: Unfolding, _ readers: Readers) {
        members = ChainMembers(count: unfolding.items.count)
        let softmaxes = unfolding.items.indices.filter { unfolding.items[$0].operatorName == "Softmax" }
        guard !softmaxes.isEmpty else { return }
        let finder = Finder(unfolding, readers)
        for index in softmaxes {
            guard let chain = finder.chain(around: index), !chain.members.contains(where: { members.contains($0) }) else { continue }
            members.add(chain.members, of: chains.count)
            chains.append(chain)
        }
    }

    /// The chain whose last item this is.
    func chain(at item: Int) -> Chain? { members.chain(at: item).map { chains[$0] } }
}

private struct Finder {
    let unfolding: Unfolding
    let items: [Item]
    let readers: Readers
    /// The item that makes a value.
    var makers: [Int?]

    init(_ unfolding: Unfolding, _ readers: Readers) {
        self.unfolding = unfolding
        items = unfolding.items
        self.readers = readers
        makers = [Int?](repeating: nil, count: unfolding.values.count)
        for (index, item) in items.enumerated() { for case let id? in item.outputs { makers[id] = index } }
    }

    func dims(_ id: ValueID?) -> [Int]? {
        guard let id, Compiler.isFloat(unfolding.values[id].fact.elementType) else { return nil }
        return unfolding.values[id].dims
    }

    func chain(around softmax: Int) -> AttentionChains.Chain? {
        guard let scores = items[softmax].inputs[0], let dims = dims(scores), dims.count == 4, !dims.contains(0),
            [-1, 3].contains(items[softmax].integer("axis", items[softmax].opset < 13 ? 1 : -1)),
            let product = readers.only(items[softmax].outputs[0], is: "MatMul", items), items[product].inputs[0] == items[softmax].outputs[0],
            items[product].inputs[1] != items[softmax].outputs[0], let v = items[product].inputs[1], var y = items[product].outputs[0]
        else { return nil }
        var before: [Int] = [], value = scores, mask: ValueID?, scale: Float = 1
        guard var maker = inner(value, softmax) else { return nil }
        if items[maker].operatorName == "Add", let (of, other) = addends(maker), isMask(other, dims) {
            before.append(maker)
            (value, mask) = (of, other)
            guard let next = inner(value, maker) else { return nil }
            maker = next
        }
        if ["Mul", "Div"].contains(items[maker].operatorName), items[maker].inputs.count == 2 {
            let isLeft = items[maker].operatorName == "Mul" && items[maker].inputs[0].map { unfolding.number($0) != nil } ?? false
            guard let number = items[maker].inputs[isLeft ? 0 : 1].flatMap({ unfolding.number($0) }), let of = items[maker].inputs[isLeft ? 1 : 0],
                self.dims(of) == dims, let next = inner(of, maker)
            else { return nil }
            scale = items[maker].operatorName == "Mul" ? number : 1 / number
            before.append(maker)
            maker = next
        }
        guard items[maker].operatorName == "MatMul", let q = items[maker].inputs[0], let k = items[maker].inputs[1], q != k, let qDims = self.dims(q),
            let vDims = self.dims(v), qDims.count == 4, vDims.count == 4, !qDims.contains(0), !vDims.contains(0), Array(qDims[..<3]) == Array(dims[..<3]),
            self.dims(k) == [dims[0], dims[1], qDims[3], dims[3]], vDims == [dims[0], dims[1], dims[3], vDims[3]], scale.isFinite
        else { return nil }
        var transposes: [Int] = []
        func heads(_ id: ValueID, _ reader: Int, _ order: [Int]) -> AttentionChains.Heads {
            guard let index = inner(id, reader), items[index].operatorName == "Transpose", let perm = items[index].integers("perm"), perm.count == 4,
                perm.allSatisfy({ 0..<4 ~= $0 }), let source = items[index].inputs[0]
            else { return AttentionChains.Heads(value: id, axes: order) }
            transposes.append(index)
            return AttentionChains.Heads(value: source, axes: order.map { perm[$0] })
        }
        // Rows of q must lie in one piece.
        let isDense = inner(q, maker).map { items[$0].operatorName != "Transpose" || items[$0].integers("perm")?.last == 3 } ?? true
        let query = isDense ? heads(q, maker, [0, 1, 2, 3]) : AttentionChains.Heads(value: q, axes: [0, 1, 2, 3])
        let key = heads(k, maker, [0, 1, 3, 2]), values = heads(v, product, [0, 1, 2, 3])
        var members = transposes + [maker] + before.reversed() + [softmax, product], isTransposed = false
        if let last = readers.only(y, is: "Transpose", items), items[last].integers("perm") == [0, 2, 1, 3], let output = items[last].outputs[0] {
            members.append(last)
            (y, isTransposed) = (output, true)
        }
        return AttentionChains.Chain(
            q: query, k: key, v: values, mask: mask, scale: scale, y: y, isTransposed: isTransposed, dims: dims, depth: qDims[3], valueDepth: vDims[3], members: members)
    }

    /// What makes the value, if only that item reads it.
    private func inner(_ id: ValueID, _ reader: Int) -> Int? {
        guard readers.only(id) == reader, let maker = makers[id], items[maker].outputs.count == 1 else { return nil }
        return maker
    }

    /// The scores and the mask.
    private func addends(_ add: Int) -> (ValueID, ValueID)? {
        guard items[add].inputs.count == 2, let a = items[add].inputs[0], let b = items[add].inputs[1], a != b else { return nil }
        func isScore(_ id: ValueID) -> Bool { inner(id, add).map { ["MatMul", "Mul", "Div"].contains(items[$0].operatorName) } ?? false }
        let whole = dims(items[add].outputs[0])
        if isScore(a), dims(a) == whole { return (a, b) }
        return isScore(b) && dims(b) == whole ? (b, a) : nil
    }

    /// True if it is broadcast to the scores along whole axes, its rows as long as theirs.
    private func isMask(_ id: ValueID, _ dims: [Int]) -> Bool {
        guard let own = self.dims(id), (1...4).contains(own.count), own[own.count - 1] == dims[3] else { return false }
        return zip(own, dims[(4 - own.count)...]).allSatisfy { $0 == 1 || $0 == $1 }
    }
}
