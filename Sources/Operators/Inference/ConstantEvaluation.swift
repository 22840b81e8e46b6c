internal import ModelGraph
internal import Tensors

/// Runs the kernel of a node whose inputs are small and known: its outputs are known then, too.
enum ConstantEvaluation {
    /// `facts` with the values of the outputs, as they are if the node does not run: it may stand in a branch that is never taken.
    static func apply(_ found: any Operator.Type, _ node: Node, opset: Int, inputs: [Fact?], to facts: [Fact]) -> [Fact] {
        guard !inputs.isEmpty, inputs.allSatisfy({ $0?.hasValue ?? true }), let runnable = found.runnable, isWanted(facts),
            !node.attributes.contains(where: { $0.name == "seed" || !$0.graphs.isEmpty })
        else { return facts }
        var values: [Value?] = [], given = 0
        for input in inputs {
            guard let input else { values.append(nil); continue }
            guard let constant = input.constant, let count = constant.elementCount, count <= Fact.integerLimit else { return facts }
            values.append(.tensor(constant))
            given += 1
        }
        let environment = Environment()
        guard given > 0, let outputs = try? runnable.run(Call(node: node, opset: opset, inputs: values, environment: environment)), !environment.wasRandom
        else { return facts }
        return facts.indices.map { index in
            guard index < outputs.count, case .tensor(let tensor)? = outputs[index], let count = tensor.elementCount else { return facts[index] }
            return count <= Fact.integerLimit ? Fact(constant: tensor) : Fact(tensor.elementType, fixed: tensor.dims)
        }
    }

    /// True if an output is a tensor that is not known yet and may be small.
    private static func isWanted(_ facts: [Fact]) -> Bool {
        facts.contains { fact in
            guard fact.kind == .tensor || fact.kind == .unknown, fact.constant == nil else { return false }
            return fact.elementCount.value.map { $0 <= Fact.integerLimit } ?? true
        }
    }

    private final class Environment: RunEnvironment, @unchecked Sendable {
        let threads = 1
        private(set) var wasRandom = false

        func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] { throw ModelError(.unsupported, "a subgraph is no constant") }
        func countTrip() throws {}

        func nextRandom() -> UInt64 {
            wasRandom = true
            return 0
        }

        func checkAllocation(_ byteCount: Int) throws {
            guard byteCount <= 1 << 20 else { throw ModelError(.limit, "\(byteCount) bytes are no small constant") }
        }
    }
}
