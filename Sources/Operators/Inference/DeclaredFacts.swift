internal import ModelGraph
internal import Tensors

/// What a model says of its values, and what of that counts.
struct DeclaredFacts {
    private let options: GraphInference.Options
    private var sizes: [Name: Int]
    /// False where given dims of inputs make the declared dims of other values doubtful.
    private let areDimsKept: Bool

    init(_ graph: Graph, _ options: GraphInference.Options) {
        self.options = options
        sizes = options.symbols
        areDimsKept = options.dims.isEmpty && options.values.isEmpty && options.symbols.isEmpty
        for info in graph.inputs {
            guard let name = info.name, let given = options.dims[name] ?? options.values[name]?.dims, let dims = Fact(info).dims, dims.count == given.count else { continue }
            for (dim, size) in zip(info.type?.dimensions ?? [], given) { if case .symbol(let symbol) = dim.size { sizes[symbol] = sizes[symbol] ?? size } }
        }
    }

    /// An input of the main graph.
    func input(_ name: Name, _ info: ValueInfo) -> Fact {
        if let value = options.values[name] { return Fact(constant: value) }
        let fact = fact(info)
        guard let dims = options.dims[name] else { return fact }
        return Fact(fact.elementType, fixed: dims)
    }

    /// With known sizes in place of symbols.
    func fact(_ info: ValueInfo) -> Fact {
        let fact = Fact(info)
        guard !sizes.isEmpty else { return fact }
        return fact.substituting { symbol in
            if case .named(let name) = symbol { sizes[name].map(Dim.value) } else { nil }
        }
    }

    /// By name, for what the nodes of a graph make.
    func table(_ graph: Graph) -> [Name: Fact] {
        guard options.usesDeclarations else { return [:] }
        var table: [Name: Fact] = [:]
        for info in graph.valueInfos + graph.outputs {
            guard let name = info.name, info.type != nil else { continue }
            var fact = fact(info)
            if !areDimsKept { fact.dims = fact.dims?.map { _ in .fresh() } }
            table[name] = fact
        }
        return table
    }

    /// Inferred knowledge, filled in by what is declared.
    func merged(_ inferred: Fact, _ stated: Fact, conflict: ((inferred: Fact, declared: Fact)) -> Void) -> Fact {
        switch (inferred.kind, stated.kind) {
        case (.unknown, _): return stated
        case (_, .unknown): return inferred
        case (.tensor, .tensor): break
        case (.sequence(let a), .sequence(let b)): return .sequence(of: merged(a, b, conflict: conflict))
        case (.optional(let a), .optional(let b)): return .optional(merged(a, b, conflict: conflict))
        case (.map(let i, let a), .map(let j, let b)): return .map(key: i ?? j, value: merged(a, b, conflict: conflict))
        default:
            conflict((inferred, stated))
            return inferred
        }
        var result = inferred
        if let a = inferred.elementType, let b = stated.elementType, a != b { conflict((inferred, stated)) }
        result.elementType = inferred.elementType ?? stated.elementType
        guard let a = inferred.dims, let b = stated.dims else {
            result.dims = inferred.dims ?? stated.dims
            return result
        }
        guard a.count == b.count, !zip(a, b).contains(where: { $0.isDifferent(from: $1) }) else {
            conflict((inferred, stated))
            return inferred
        }
        result.dims = zip(a, b).map { $0.isFresh ? $1 : $0 }
        return result
    }
}

extension ValueType {
    /// Of a tensor.
    fileprivate var dimensions: [Dimension] {
        if case .tensor(_, let shape?) = kind { shape.dims } else { [] }
    }
}

extension Dim {
    /// True for a size of which nothing is known.
    fileprivate var isFresh: Bool {
        guard case .symbolic(let expression) = self else { return self == .unknown }
        return expression.isFresh
    }
}
