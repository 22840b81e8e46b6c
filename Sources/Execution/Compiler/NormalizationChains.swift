internal import ModelGraph
internal import Operators
internal import Tensors

/// Layer normalizations written out as ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, Mul, Add (ONNX's LayerNormalization has
/// existed since opset 17 only): one step each, where nobody else reads what lies between.
struct NormalizationChains {
    struct Chain {
        let x: ValueID
        let y: ValueID
        let axis: Int
        let epsilon: Float
        let scale: ValueID?
        let shift: ValueID?
        /// Items in order; the last makes `y`.
        let members: [Int]
    }

    private var chains: [Chain] = []
    private(set) var members: ChainMembers

    init(_ unfolding: Unfolding, _ graph: Readers) {
        members = ChainMembers(count: unfolding.items.count)
        for (index, item) in unfolding.items.enumerated() where item.operatorName == "ReduceMean" {
            guard let chain = Self.chain(from: index, graph, unfolding) else { continue }
            members.add(chain.members, of: chains.count)
            chains.append(chain)
        }
    }

    /// The chain whose last item this is.
    func chain(at item: Int) -> Chain? { members.chain(at: item).map { chains[$0] } }

    private static func chain(from first: Int, _ graph: Readers, _ unfolding: Unfolding) -> Chain? {
        let items = unfolding.items
        func dims(_ id: ValueID?) -> [Int]? { id.flatMap { unfolding.values[$0].dims } }
        guard let x = items[first].inputs[0], Compiler.isFloat(unfolding.values[x].fact.elementType), let xDims = dims(x), !xDims.contains(0),
            let axis = meanAxis(items[first], rank: xDims.count, unfolding),
            let sub = graph.only(items[first].outputs[0], is: "Sub", items), items[sub].inputs == [x, items[first].outputs[0]],
            let deviation = items[sub].outputs[0], let readers = graph.readers(deviation), readers.count == 2,
            let div = readers.first(where: { items[$0].operatorName == "Div" }), let square = readers.first(where: { $0 != div }),
            isSquare(items[square], unfolding), let mean = graph.only(items[square].outputs[0], is: "ReduceMean", items),
            meanAxis(items[mean], rank: xDims.count, unfolding) == axis, let add = graph.only(items[mean].outputs[0], is: "Add", items),
            let epsilon = other(items[add], than: items[mean].outputs[0]).flatMap({ unfolding.number($0) }),
            let sqrt = graph.only(items[add].outputs[0], is: "Sqrt", items), graph.only(items[sqrt].outputs[0], is: "Div", items) == div,
            items[div].inputs == [deviation, items[sqrt].outputs[0]], dims(items[div].outputs[0]) == xDims
        else { return nil }
        var members = [first, sub, square, mean, add, sqrt, div], y = items[div].outputs[0]
        /// What the next node scales or shifts by, if it is one that the kernel can do.
        func end(_ op: String) -> ValueID? {
            guard let next = graph.only(y, is: op, items), let numbers = other(items[next], than: y), unfolding.isConstant(numbers),
                Compiler.isFloat(unfolding.values[numbers].fact.elementType), let own = dims(numbers), own.reduce(1, *) == xDims[axis...].reduce(1, *),
                own.drop(while: { $0 == 1 }) == xDims[axis...].drop(while: { $0 == 1 }), dims(items[next].outputs[0]) == xDims
            else { return nil }
            members.append(next)
            y = items[next].outputs[0]
            return numbers
        }
        let scale = end("Mul"), shift = end("Add")
        guard let y else { return nil }
        return Chain(x: x, y: y, axis: axis, epsilon: epsilon, scale: scale, shift: shift, members: members)
    }

    /// The first of the last axes that a mean is of, itself kept as 1; nil if it is of others.
    private static func meanAxis(_ item: Item, rank: Int, _ unfolding: Unfolding) -> Int? {
        var axes = item.integers("axes") ?? []
        if item.inputs.count > 1, let id = item.inputs[1] {
            guard unfolding.isConstant(id), let numbers = try? unfolding.tensor(id).integers("the axes") else { return nil }
            axes = numbers
        }
        let sorted = axes.map { $0 < 0 ? $0 + rank : $0 }.sorted()
        guard item.integer("keepdims", 1) != 0, let first = sorted.first, first >= 0, sorted == Array(first..<rank) else { return nil }
        return first
    }

    private static func isSquare(_ item: Item, _ unfolding: Unfolding) -> Bool {
        switch item.operatorName {
        case "Pow": item.inputs.count == 2 && item.inputs[1].map { unfolding.number($0) == 2 } ?? false
        case "Mul": item.inputs.count == 2 && item.inputs[0] == item.inputs[1]
        default: false
        }
    }

    private static func other(_ item: Item, than value: ValueID?) -> ValueID? {
        guard item.inputs.count == 2, item.inputs[0] != item.inputs[1] else { return nil }
        return item.inputs[0] == value ? item.inputs[1] : item.inputs[0]
    }
}
