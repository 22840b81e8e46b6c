internal import Tensors

extension InferenceCall {
    /// What is known of each element of a sequence that an input holds.
    func element(_ index: Int) throws -> Fact {
        let fact = try fact(index)
        switch fact.kind {
        case .sequence(let element): return element
        case .unknown: return .unknown
        default: throw ModelError(.invalidGraph, "input \(index) is \(fact), a sequence is needed")
        }
    }
}

extension Fact {
    /// What is true of both; nil stands for nothing that there is.
    static func common(_ a: Fact?, _ b: Fact?) -> Fact {
        guard let a else { return b ?? .unknown }
        guard let b else { return a }
        switch (a.kind, b.kind) {
        case (.tensor, .tensor):
            let type = a.elementType == b.elementType ? a.elementType : nil
            guard let x = a.dims, let y = b.dims, x.count == y.count else { return Fact(type) }
            let dims = zip(x, y).map { $0.isSame(as: $1) ? $0 : Dim.unknown }
            guard let i = a.integers, let j = b.integers, i.count == j.count, x == y else { return Fact(type, dims) }
            return Fact(type, dims, integers: zip(i, j).map { $0.isSame(as: $1) ? $0 : .unknown })
        case (.sequence(let x), .sequence(let y)): return .sequence(of: common(x, y))
        case (.optional(let x), .optional(let y)): return .optional(common(x, y))
        case (.map(let i, let x), .map(let j, let y)): return .map(key: i == j ? i : nil, value: common(x, y))
        default: return .unknown
        }
    }
}
