internal import ModelGraph
internal import Tensors

/// Which nodes of a main graph compute with integers, and which values become codes for them.
///
/// Products with constant weights do. What lies between them follows where all that it reads comes from integers and somebody behind it takes integers:
/// then no value on the way is ever a float. `Relu` and `Clip` behind a product, a sum or an average belong to it, so that codes are made of what they let
/// through. Operators that only move or choose values have the same codes on both sides.
struct IntegerRegion {
    /// A product with weights.
    struct Layer {
        let node: Int
        let input: Name
        let weight: Name
        let bias: Name?
        /// Behind its `Relu` or `Clip`.
        let output: Name
    }

    private(set) var layers: [Layer] = []
    /// All nodes that compute with integers.
    private(set) var nodes: Set<Int> = []
    /// Values that become codes, in the order of the nodes that read them.
    private(set) var values: [Name] = []
    /// The value whose scale and zero point a value has.
    private(set) var shared: [Name: Name] = [:]
    /// Values that integer nodes make: no one else reads them as floats, so that no one computes them as floats.
    private(set) var made: Set<Name> = []

    static let products: Set<Name> = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
    /// The same codes before and after.
    private static let movers: Set<Name> = [
        "MaxPool", "Concat", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Identity", "DepthToSpace", "SpaceToDepth", "Resize",
    ]
    private static let sums: Set<Name> = ["Add", "Mul"]
    private static let others: Set<Name> = ["AveragePool", "GlobalAveragePool", "Relu", "Clip", "LeakyRelu", "Sigmoid"]

    /// `weights`: what may be codes of 8 bits. `known`: float values; nil: all. `except`: first outputs of products that stay floats.
    init(_ uses: GraphUses, weights: Set<Name>, known: Set<Name>?, except: Set<Name> = []) {
        var merged: Set<Int> = [], ends: [Int: (name: Name, through: [Int])] = [:]
        for (index, node) in uses.nodes.enumerated() where node.isStandard {
            guard let layer = Self.layer(index, node, uses, weights, known), !except.contains(node.outputs.first ?? "") else { continue }
            layers.append(layer.layer)
            nodes.insert(index)
            ends[index] = (layer.layer.output, layer.through)
            merged.formUnion(layer.through)
        }
        var candidates: [Int: [Name]] = [:]
        for (index, node) in uses.nodes.enumerated() where node.isStandard && !merged.contains(index) {
            guard let op = node.opType, !nodes.contains(index), let inputs = Self.activations(op, node, uses) else { continue }
            guard node.outputs.count == 1 || op == "Split" && !node.outputs.isEmpty, !inputs.contains(where: { !(known?.contains($0) ?? true) }) else { continue }
            candidates[index] = inputs
        }
        for (index, _) in candidates.sorted(by: { $0.key < $1.key }) {
            let node = uses.nodes[index], op = node.opType ?? ""
            let end = Self.sums.contains(op) || op == "AveragePool" || op == "GlobalAveragePool" ? Self.end(node.outputs[0], uses) : (node.outputs[0], [])
            ends[index] = end
            merged.formUnion(end.1)
        }
        for index in merged { candidates[index] = nil }
        grow(candidates, ends, uses)
        collect(candidates, ends, uses)
    }

    /// Keeps those candidates that integers go into and out of.
    private mutating func grow(_ candidates: [Int: [Name]], _ ends: [Int: (name: Name, through: [Int])], _ uses: GraphUses) {
        var kept = candidates
        while true {
            let all = nodes.union(kept.keys)
            var made: Set<Name> = []
            for index in all {
                made.insert(ends[index]?.name ?? "")
                if uses.nodes[index].opType == "Split" { made.formUnion(uses.nodes[index].outputs) }
            }
            made.subtract(uses.shown)
            func isTaken(_ name: Name) -> Bool { uses.readers[name]?.contains(where: all.contains) ?? false }
            let lost = kept.filter { index, inputs in
                let outputs = uses.nodes[index].opType == "Split" ? uses.nodes[index].outputs : [ends[index]?.name ?? ""]
                guard outputs.allSatisfy(isTaken), inputs.contains(where: made.contains) else { return true }
                return !inputs.allSatisfy { name in
                    made.contains(name) || (uses.readers[name] ?? []).contains { nodes.contains($0) && uses.nodes[$0].inputs.first == name }
                }
            }
            if lost.isEmpty { break }
            for index in lost.keys { kept[index] = nil }
        }
        nodes.formUnion(kept.keys)
    }

    private mutating func collect(_ candidates: [Int: [Name]], _ ends: [Int: (name: Name, through: [Int])], _ uses: GraphUses) {
        var inputs = candidates
        for layer in layers { inputs[layer.node] = [layer.input] }
        var seen: Set<Name> = []
        for index in nodes.sorted() {
            made.insert(ends[index]?.name ?? "")
            for output in uses.nodes[index].outputs where uses.nodes[index].opType == "Split" { made.insert(output) }
            for name in inputs[index] ?? [] where seen.insert(name).inserted { values.append(name) }
        }
        made.subtract(uses.shown)
        for index in nodes.sorted() where Self.movers.contains(uses.nodes[index].opType ?? "") {
            guard let inputs = inputs[index] else { continue }
            for name in inputs + uses.nodes[index].outputs where seen.contains(name) { unite(name, inputs[0]) }
        }
        for name in values { shared[name] = root(name) }
    }

    private func root(_ name: Name) -> Name {
        var name = name
        while let next = shared[name], next != name { name = next }
        return name
    }

    private mutating func unite(_ a: Name, _ b: Name) {
        let (a, b) = (root(a), root(b))
        if a != b { shared[max(a, b)] = min(a, b) }
    }

    // MARK: - nodes

    private static func layer(
        _ index: Int, _ node: Node, _ uses: GraphUses, _ weights: Set<Name>, _ known: Set<Name>?
    ) -> (layer: Layer, through: [Int])? {
        guard let op = node.opType, products.contains(op), node.inputs.count >= 2, weights.contains(node.inputs[1]), let output = node.outputs.first else { return nil }
        let input = node.inputs[0]
        guard !uses.isConstant(input), known?.contains(input) ?? true else { return nil }
        if op == "Gemm" {
            guard node.integer("transA", default: 0) == 0, node.number("alpha", default: 1) == 1, node.number("beta", default: 1) == 1 else { return nil }
        }
        let bias = node.inputs.count > 2 && !node.inputs[2].isEmpty ? node.inputs[2] : nil, end = end(output, uses)
        return (Layer(node: index, input: input, weight: node.inputs[1], bias: bias, output: end.name), end.through)
    }

    /// Behind the `Relu` and `Clip` that alone read a value.
    private static func end(_ output: Name, _ uses: GraphUses) -> (name: Name, through: [Int]) {
        var name = output, through: [Int] = []
        while let index = uses.onlyReader(name) {
            let node = uses.nodes[index]
            guard node.isStandard, node.opType == "Relu" || node.opType == "Clip", node.inputs.first == name, let next = node.outputs.first else { break }
            guard node.inputs.dropFirst().allSatisfy({ $0.isEmpty || uses.isConstant($0) }) else { break }
            through.append(index)
            name = next
        }
        return (name, through)
    }

    /// The values that a node that is no product would take as codes; nil if it never does.
    private static func activations(_ op: Name, _ node: Node, _ uses: GraphUses) -> [Name]? {
        let inputs: [Name]
        switch op {
        case "Concat": inputs = node.inputs
        case "Add", "Mul": inputs = node.inputs
        default:
            guard movers.contains(op) || others.contains(op) else { return nil }
            if op == "Resize", case .string(let mode)? = node.attribute("mode")?.value, String(decoding: mode, as: UTF8.self) == "cubic" { return nil }
            inputs = Array(node.inputs.prefix(1))
        }
        guard !inputs.isEmpty, inputs.allSatisfy({ !$0.isEmpty && !uses.isConstant($0) }) else { return nil }
        return inputs
    }
}
