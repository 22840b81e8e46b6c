internal import ModelGraph
internal import Tensors

/// What If, Loop, Scan and SequenceMap have in common.
extension Call {
    /// The one truth value of an input.
    func condition(_ index: Int) throws -> Bool { try Self.condition(value(index), "input \(index)") }

    static func condition(_ value: Value, _ what: @autoclosure () -> String) throws -> Bool {
        guard case .tensor(let tensor) = value, tensor.elementType == .bool, tensor.elementCount == 1 else {
            throw ModelError(.invalidGraph, "\(what()) is \(value.summary), one BOOL is needed")
        }
        return try tensor.elements(as: UInt8.self)[0] != 0
    }

    /// What a graph gives, checked to be as many values as it should.
    func runBody(_ name: Name, _ inputs: [Value], outputs: Int) throws -> [Value] {
        let values = try environment.run(name, inputs: inputs)
        guard values.count == outputs else {
            throw ModelError(.invalidGraph, "graph '\(name)' gives \(values.count) values, \(outputs) are needed")
        }
        return values
    }
}

/// One output of a loop's body: a value of each trip, to be stacked.
struct CollectedOutput {
    private var parts: [Tensor] = []
    private var byteCount = 0
    private let declared: ValueType?

    /// `declared`: what the body says of it, used where there was no trip.
    init(_ declared: ValueType?) { self.declared = declared }

    mutating func add(_ value: Value, _ environment: any RunEnvironment) throws {
        guard case .tensor(let tensor) = value else { throw ModelError(.invalidGraph, "\(value.summary) cannot be stacked, tensors can") }
        byteCount = checkedAdd(byteCount, tensor.plainByteCount ?? 0) ?? .max
        try environment.checkAllocation(byteCount)
        parts.append(tensor)
    }

    /// Of no trip: a tensor of no elements, unknown sizes being 0.
    func stacked(axis: Int = 0, isReversed: Bool = false, _ environment: any RunEnvironment) throws -> Tensor {
        if !parts.isEmpty {
            let rank = parts[0].dims.count + 1
            guard axis >= -rank, axis < rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank - 1) exist") }
            return try TensorStack.join(isReversed ? parts.reversed() : parts, axis: axis < 0 ? axis + rank : axis, environment)
        }
        guard case .tensor(let type?, let shape)? = declared?.kind else {
            throw ModelError(.invalidGraph, "no trip was made and the body does not say what type its output has")
        }
        var dims = (shape?.dims ?? []).map { dim in if case .value(let size) = dim.size, size > 0, size < 1 << 31 { Int(size) } else { 0 } }
        let rank = dims.count + 1
        guard axis >= -rank, axis < rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank - 1) exist") }
        dims.insert(0, at: axis < 0 ? axis + rank : axis)
        return try TensorStack.zeros(type, dims, environment)
    }
}
