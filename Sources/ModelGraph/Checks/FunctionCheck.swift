internal import Tensors

extension Model {
    /// The most nodes that a model may have when every function call is replaced by the function's body.
    static let maximumExpandedNodeCount = 10_000_000

    /// Functions as a whole: names, signatures, imports, and that calls end and do not multiply without bound.
    func checkFunctions(into findings: inout FindingList) {
        guard !functions.isEmpty else { return }
        var indices: [FunctionKey: Int] = [:]
        for (index, function) in functions.enumerated() {
            let place = function.place
            if function.name?.isEmpty ?? true { findings.error(place, "a function needs a name, or no node can call it; export the model again") }
            let key = FunctionKey(function)
            if let other = indices[key] {
                if functions[other] == function {
                    findings.warn(place, "the function is there twice, alike; once is enough")
                } else {
                    findings.error(place, "two functions of this name have different bodies, one is allowed; which one is meant is unclear")
                }
            } else {
                indices[key] = index
            }
            function.checkSignature(at: place, into: &findings)
            Self.checkImports(function.opsetImports, at: place, into: &findings)
        }
        checkCalls(indices, into: &findings)
    }

    private func checkCalls(_ indices: [FunctionKey: Int], into findings: inout FindingList) {
        let bodies = functions.map { CallList($0.nodes, indices, functions) }
        let roots = [graph] + trainingInfo.flatMap { [$0.initialization, $0.algorithm].compactMap(\.self) }
        let main = CallList(roots.flatMap(\.nodes), indices, functions)
        for (place, message) in main.problems { findings.error(Place([.graph(graph.name)] + place.steps), message) }
        for (index, body) in bodies.enumerated() {
            for (place, message) in body.problems { findings.error(Place(functions[index].place.steps + place.steps), message) }
        }
        var order = NodeOrder()
        for (index, body) in bodies.enumerated() {
            for callee in body.calls.keys.sorted() { order.add(value: 0, from: Int32(callee), to: Int32(index)) }
        }
        if let cycle = order.cycle(nodeCount: functions.count) {
            let names = cycle.prefix(8).map { functions[Int($0.from)].place.description }.joined(separator: ", ")
            findings.error(Place(), "recursive \(names): a function must not call itself, directly or through others; export the model again")
            return
        }
        checkExpansion(main, bodies, into: &findings)
    }

    /// Sizes of the bodies when all calls are replaced, callees first; there is no recursion any more.
    private func checkExpansion(_ main: CallList, _ bodies: [CallList], into findings: inout FindingList) {
        var sizes = [Int?](repeating: nil, count: bodies.count)
        var stack = Array(bodies.indices.reversed())
        while let index = stack.last {
            let missing = sizes[index] == nil ? bodies[index].calls.keys.sorted().filter { sizes[$0] == nil } : []
            if missing.isEmpty {
                sizes[index] = sizes[index] ?? bodies[index].expandedCount(sizes)
                stack.removeLast()
            } else {
                stack += missing
            }
        }
        let all = [(main.expandedCount(sizes), Place([.graph(graph.name)]))] + zip(sizes, functions).map { ($0 ?? 0, $1.place) }
        let written = main.nodeCount + bodies.reduce(0) { $0 + $1.nodeCount }
        for (size, place) in all where size > max(Self.maximumExpandedNodeCount, written) {
            let text = size == .max ? "more than 2^63 nodes" : counted(size, "node")
            findings.error(place, "stands for \(text) when function calls are replaced by their bodies, the limit is \(Self.maximumExpandedNodeCount)")
            return
        }
    }
}

/// What identifies a function, and the node that calls it.
package struct FunctionKey: Hashable {
    var domain: Name
    var name: Name
    var overload: Name

    package init(_ function: Function) {
        (domain, name, overload) = (Domain.canonical(function.domain), function.name ?? "", function.overload ?? "")
    }

    package init(_ node: Node) {
        (domain, name, overload) = (Domain.canonical(node.domain), node.opType ?? "", node.overload ?? "")
    }
}

/// The nodes of one body, subgraphs included: how many there are, and how often each function is called.
private struct CallList {
    private(set) var nodeCount = 0
    private(set) var calls: [Int: Int] = [:]
    private(set) var problems: [(Place, String)] = []

    init(_ nodes: [Node], _ indices: [FunctionKey: Int], _ functions: [Function]) {
        var pending = [nodes]
        while let nodes = pending.popLast() {
            nodeCount += nodes.count
            for node in nodes {
                for attribute in node.attributes { pending += attribute.graphs.map(\.nodes) }
                guard let index = indices[FunctionKey(node)] else { continue }
                calls[index, default: 0] += 1
                let function = functions[index]
                for (kind, given, known) in [("input", node.inputs.count, function.inputs.count), ("output", node.outputs.count, function.outputs.count)]
                where given > known && problems.count < FindingList.limit {
                    problems.append((Place().appending(node), "has \(counted(given, kind)), but the function that it calls has \(known)"))
                }
            }
        }
    }

    /// Nodes when each call is replaced by what it stands for; saturates at `Int.max`.
    func expandedCount(_ sizes: [Int?]) -> Int {
        var total = nodeCount - calls.values.reduce(0, +)
        for (index, count) in calls {
            guard let product = checkedMultiply(count, sizes[index] ?? 0), let sum = checkedAdd(total, product) else { return .max }
            total = sum
        }
        return total
    }
}

extension Function {
    package var place: Place { Place([.function(domain: domain, name: name, overload: overload)]) }

    fileprivate func checkSignature(at place: Place, into findings: inout FindingList) {
        var seen: Set<Name> = []
        for name in attributeNames + attributeDefaults.compactMap(\.name) where !seen.insert(name).inserted {
            findings.error(place, "attribute '\(name)' is declared twice, once is allowed; which one is meant is unclear")
        }
        if opsetImports.isEmpty { findings.warn(place, "the function has no opset_import; the model's is used") }
    }
}
