package import ModelGraph
package import Tensors

/// What runs around a node: its graph, its limits.
package protocol RunEnvironment: AnyObject, Sendable {
    /// Threads that a kernel may use.
    var threads: Int { get }
    /// Runs the subgraph that the running node has as an attribute, with the values of the graphs around it in sight. Throws
    /// unless there are as many inputs as the graph has, but for those that have an initializer.
    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value]
    /// Called once per trip of a loop: throws when the stated limit is passed.
    func countTrip() throws
    /// Random bits of this run.
    func nextRandom() -> UInt64
    /// Throws `.limit` if a tensor of that many bytes would pass the stated limit of memory.
    func checkAllocation(_ byteCount: Int) throws
    /// Memory for a tensor that the node makes, after its size was held against the limit; not cleared.
    func memory(_ byteCount: Int) throws -> OwnedMemory
}

extension RunEnvironment {
    package func memory(_ byteCount: Int) throws -> OwnedMemory {
        try checkAllocation(byteCount)
        return try OwnedMemory(byteCount: byteCount)
    }
}

/// One execution of one node.
package struct Call: AttributeReader, Sendable {
    package let node: Node
    /// Version of the operator set that the node's domain has.
    package let opset: Int
    /// As the node lists them; nil for one that is left out.
    package let inputs: [Value?]
    package let environment: any RunEnvironment

    package init(node: Node, opset: Int, inputs: [Value?], environment: any RunEnvironment) {
        self.node = node
        self.opset = opset
        self.inputs = inputs
        self.environment = environment
    }

    /// True if somebody may read that output.
    package func wants(_ output: Int) -> Bool {
        output < node.outputs.count && !node.outputs[output].isEmpty
    }
}

// MARK: inputs

extension Call {
    package func hasInput(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

    package func value(_ index: Int) throws -> Value {
        guard index < inputs.count, let value = inputs[index] else { throw ModelError(.invalidGraph, "input \(index) is missing") }
        return value
    }

    package func tensor(_ index: Int) throws -> Tensor {
        let value = try value(index)
        guard case .tensor(let tensor) = value else { throw ModelError(.invalidGraph, "input \(index) is \(value.summary), a tensor is needed") }
        return tensor
    }

    /// Nil if it is left out.
    package func optionalTensor(_ index: Int) throws -> Tensor? {
        hasInput(index) ? try tensor(index) : nil
    }

    /// The numbers of an INT64 or INT32 input (a shape, axes, …), or nil if it is left out.
    package func ints(_ index: Int) throws -> [Int]? {
        try optionalTensor(index)?.integers("input \(index)")
    }
}
