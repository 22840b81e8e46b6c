internal import Tensors

/// What reductions make, by the rules of `Call.reduction` and `Call.findExtremes`.
extension InferenceCall {
    /// Input 0 reduced; `axes` is an attribute, from operator set `inputSince` on an input. `fold` combines integers that are known as symbols.
    func reduced(inputSince: Int = 18, _ fold: (([Dim]) -> Dim)? = nil) throws -> [Fact] {
        let input = try tensor(0), isInput = opset >= inputSince
        let keeps = try bool("keepdims", true)
        var given: [Int]? = []
        if isInput { if hasInput(1) { given = try numbers(1) } } else { given = try ints("axes") ?? [] }
        guard let dims = input.dims else { return [Fact(input.elementType)] }
        guard let given else {
            if keeps { return [Fact(input.elementType, dims.map { $0 == 1 ? 1 : .unknown })] }
            // No axes may mean all, none, or as the attribute says.
            guard let count = try integers(1)?.count, count > 0, count <= dims.count else { return [Fact(input.elementType)] }
            return [Fact(input.elementType, [Dim](repeating: .unknown, count: dims.count - count))]
        }
        let all = try isInput && bool("noop_with_empty_axes") ? [] : Array(dims.indices)
        let chosen = Set(given.isEmpty ? all : try axes(given, rank: dims.count))
        let result = dims.indices.compactMap { chosen.contains($0) ? (keeps ? 1 : nil) : dims[$0] }
        guard let fold, dims.count == 1, chosen == [0], let elements = input.integers, !elements.isEmpty else { return [Fact(input.elementType, result)] }
        return [Fact(input.elementType, result, integers: [fold(elements)])]
    }

    /// Where along an axis something stands.
    func extreme() throws -> [Fact] {
        guard var dims = try dims(0) else { return [Fact(.int64)] }
        let axis = try axis(int("axis", 0), rank: max(dims.count, 1))
        if !dims.isEmpty { if try bool("keepdims", true) { dims[axis] = 1 } else { dims.remove(at: axis) } }
        return [Fact(.int64, dims)]
    }
}
