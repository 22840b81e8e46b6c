internal import Tensors

/// What elementwise operators make.
extension InferenceCall {
    /// One value like input 0, of `type` or of its type.
    func likeInput(_ index: Int = 0, as type: ElementType? = nil) throws -> [Fact] {
        let fact = try tensor(index)
        return [Fact(type ?? fact.elementType, fact.dims)]
    }

    /// Inputs 0 and 1 broadcast, which must have one type; the result is of that type or of `type`.
    func combined(as type: ElementType? = nil, sameType: Bool = true) throws -> [Fact] {
        let common = try sameType ? commonType(0..<2) : tensor(0).elementType
        return [Fact(type ?? common, try operandDims())]
    }

    /// Dims of inputs 0 and 1 broadcast; before operator set 7 those of input 0.
    func operandDims() throws -> [Dim]? {
        let a = try dims(0), b = try dims(1)
        return opset < 7 ? a : try broadcast([a, b])
    }

    /// The same with `function` of the elements, where both are integers known as symbols.
    func combinedIntegers(_ function: (Dim, Dim) -> Dim) throws -> [Fact] {
        let result = try combined()[0]
        guard let dims = result.dims, dims.count <= 1, let a = inputs[0]?.integers, let b = inputs[1]?.integers, !a.isEmpty, !b.isEmpty else { return [result] }
        let count = max(a.count, b.count)
        guard a.count == count || a.count == 1, b.count == count || b.count == 1 else { return [result] }
        let elements = (0..<count).map { function(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
        return [Fact(result.elementType, dims, integers: elements)]
    }

    /// All inputs, broadcast and of one type.
    func folded() throws -> [Fact] {
        guard !inputs.isEmpty else { throw ModelError(.invalidGraph, "there are no inputs, at least one is needed") }
        return [Fact(try commonType(inputs.indices), try broadcast(inputs.indices.map { try dims($0) }))]
    }
}
