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
    func combinedIntegers(_ function: (Dim, Dim) -> Dim) throws -> [Fact] { [try combine(nil, function)] }

    /// Two BOOLs broadcast.
    func combinedTruths(_ function: (Dim, Dim) -> Dim) throws -> [Fact] { [try combine(.bool, function)] }

    /// A question about inputs 0 and 1; nil where it cannot be told.
    func comparedIntegers(_ question: (Dim, Dim) -> Bool?) throws -> [Fact] {
        [try combine(.bool) { a, b in question(a, b).map { $0 ? 1 : 0 } ?? .unknown }]
    }

    private func combine(_ type: ElementType?, _ function: (Dim, Dim) -> Dim) throws -> Fact {
        let result = try combined(as: type)[0]
        guard let a = inputs[0], let b = inputs[1] else { return result }
        return Self.combine(result, a, b, function)
    }

    private static func combine(_ result: Fact, _ x: Fact, _ y: Fact, _ function: (Dim, Dim) -> Dim) -> Fact {
        guard let dims = result.dims, dims.count <= 1, x.integers != nil || y.integers != nil, let a = x.integers ?? x.unknownIntegers,
            let b = y.integers ?? y.unknownIntegers
        else { return result }
        let count = a.count == 1 ? b.count : a.count
        guard a.count == count || a.count == 1, b.count == count || b.count == 1 else { return result }
        let elements = (0..<count).map { function(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
        return Fact(result.elementType, dims, integers: elements)
    }

    /// All inputs, broadcast and of one type, folded from the first on where they are integers known as symbols.
    func folded(_ function: ((Dim, Dim) -> Dim)? = nil) throws -> [Fact] {
        guard !inputs.isEmpty else { throw ModelError(.invalidGraph, "there are no inputs, at least one is needed") }
        let type = try commonType(inputs.indices)
        let result = Fact(type, try broadcast(inputs.indices.map { try dims($0) }))
        guard let function, result.rank.map({ $0 <= 1 }) ?? false else { return [result] }
        var sum = try tensor(0)
        for index in inputs.indices.dropFirst() {
            let next = try tensor(index)
            sum = Self.combine(Fact(type, try broadcast([sum.dims, next.dims])), sum, next, function)
        }
        return [Fact(type, result.dims, integers: sum.integers)]
    }

    /// New values and states of an optimizer: behind rate and count the inputs are all values, all gradients and each kind of state.
    func optimized(kinds: Int) throws -> [Fact] {
        let count = (inputs.count - 2) / kinds
        guard inputs.count > 2, count * kinds == inputs.count - 2 else {
            throw ModelError(.invalidGraph, "has \(inputs.count) inputs, 2 and \(kinds) for each tensor are needed")
        }
        return try (0..<count * (kinds - 1)).map { try likeInput(2 + $0 % count)[0] }
    }
}

extension Array {
    /// Nil outside of the array.
    subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
