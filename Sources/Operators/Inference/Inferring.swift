package import ModelGraph
package import Tensors

/// An operator that can tell what its nodes make without running them.
protocol Inferring: Operator {
    /// One fact per output of the node. Throws if no run of the node could succeed; says `.unknown` of what it cannot know.
    static func infer(_ call: InferenceCall) throws -> [Fact]
}

extension Inferring {
    package static var inference: OperatorInference? { OperatorInference(rule: Self.self) }
}

/// How an operator tells what its nodes make.
package struct OperatorInference {
    let rule: any Inferring.Type
}

/// How nodes with subgraphs have them inferred.
package protocol SubgraphInference {
    /// What the outputs of the subgraph that is attribute `attribute` are, given these inputs.
    func infer(_ attribute: Name, inputs: [Fact]) throws -> [Fact]
}

/// One node as inference sees it.
package struct InferenceCall: AttributeReader {
    package let node: Node
    /// Version of the operator set that the node's domain has.
    package let opset: Int
    /// As the node lists them; nil for one that is left out.
    package let inputs: [Fact?]
    package let subgraphs: (any SubgraphInference)?

    package init(node: Node, opset: Int, inputs: [Fact?], subgraphs: (any SubgraphInference)? = nil) {
        (self.node, self.opset, self.inputs, self.subgraphs) = (node, opset, inputs, subgraphs)
    }
}

// MARK: inputs

extension InferenceCall {
    package func hasInput(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

    /// What is known of an input that the operator must have.
    package func fact(_ index: Int) throws -> Fact {
        guard index < inputs.count, let fact = inputs[index] else { throw ModelError(.invalidGraph, "input \(index) is missing") }
        return fact
    }

    /// The same for a tensor.
    package func tensor(_ index: Int) throws -> Fact {
        let fact = try fact(index)
        switch fact.kind {
        case .tensor, .unknown: return fact
        default: throw ModelError(.invalidGraph, "input \(index) is \(fact), a tensor is needed")
        }
    }

    package func optionalTensor(_ index: Int) throws -> Fact? { hasInput(index) ? try tensor(index) : nil }

    package func dims(_ index: Int) throws -> [Dim]? { try tensor(index).dims }
    package func type(_ index: Int) throws -> ElementType? { try tensor(index).elementType }

    /// The elements of an INT64 or INT32 input as far as they are known, nil if not even how many is; `isGiven` tells a left out one.
    package func integers(_ index: Int) throws -> [Dim]? {
        guard let fact = try optionalTensor(index) else { return nil }
        if let type = fact.elementType, type != .int64, type != .int32 {
            throw ModelError(.invalidGraph, "input \(index) is \(type), INT64 is needed")
        }
        if let integers = fact.integers { return integers }
        guard let count = fact.elementCount.value, count <= Fact.integerLimit else { return nil }
        return [Dim](repeating: .unknown, count: count)
    }

    /// The numbers of an INT64 or INT32 input if all are known.
    package func numbers(_ index: Int) throws -> [Int]? { try integers(index)?.numbers }

    /// The one element type that these inputs must have; nil if none of theirs is known.
    package func commonType(_ indices: some Sequence<Int>) throws -> ElementType? {
        var result: ElementType?
        for index in indices {
            guard hasInput(index), let type = try type(index) else { continue }
            if let result, result != type {
                throw ModelError(.invalidGraph, "input \(index) is \(type), the inputs before it are \(result), one element type is needed")
            }
            result = type
        }
        return result
    }
}

extension [Dim] {
    /// The numbers if all are.
    package var numbers: [Int]? {
        var result: [Int] = []
        for dim in self {
            guard case .value(let value) = dim else { return nil }
            result.append(value)
        }
        return result
    }

    var text: String { "[" + map(\.description).joined(separator: ", ") + "]" }
}

// MARK: finding the operator

extension Operators {
    /// What the outputs of a node are, from what is known of its inputs: `.unknown` where the operator does not tell. Throws if no run of the
    /// node could succeed. Nodes with small constants as inputs are run, unless `runsConstants` is false.
    package static func infer(
        _ node: Node, opset: Int, inputs: [Fact?], subgraphs: (any SubgraphInference)? = nil, runsConstants: Bool = true
    ) throws -> [Fact] {
        guard let opType = node.opType, let found = find(opType, domain: Domain.canonical(node.domain)) else {
            return [Fact](repeating: .unknown, count: node.outputs.count)
        }
        return try infer(node, of: found, opset: opset, inputs: inputs, subgraphs: subgraphs, runsConstants: runsConstants)
    }

    /// The same of a node whose operator is known.
    package static func infer(
        _ node: Node, of found: any Operator.Type, opset: Int, inputs: [Fact?], subgraphs: (any SubgraphInference)? = nil, runsConstants: Bool = true
    ) throws -> [Fact] {
        var facts: [Fact] = []
        if let rule = found.inference?.rule {
            facts = try rule.infer(InferenceCall(node: node, opset: opset, inputs: inputs, subgraphs: subgraphs))
        }
        while facts.count < node.outputs.count { facts.append(.unknown) }
        if facts.count > node.outputs.count { facts.removeLast(facts.count - node.outputs.count) }
        return runsConstants ? ConstantEvaluation.apply(found, node, opset: opset, inputs: inputs, to: facts) : facts
    }
}
