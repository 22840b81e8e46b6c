internal import Synchronization
package import Tensors

/// What a symbolic size is made of. A symbol stands for a size: a number that is not negative.
package enum DimSymbol: Hashable, Sendable {
    /// ONNX's `dim_param`.
    case named(Name)
    /// A size that has no name.
    case fresh(UInt64)
}

/// Numbers for symbols without a name: each is given once in a process.
enum FreshSymbols {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// A factor of a term: a symbol, or an operation that does not multiply out.
enum DimAtom: Hashable, Sendable {
    case named(Name)
    case fresh(UInt64)
    indirect case floorDiv(DimExpression, DimExpression)
    /// The lesser operand, by the order of expressions, comes first.
    indirect case max(DimExpression, DimExpression)
    indirect case min(DimExpression, DimExpression)

    /// What it is sure not to be below.
    var lowerBound: Int? {
        switch self {
        case .named, .fresh: return 0
        case .floorDiv(let a, let b):
            guard let a = a.lowerBound, let b = b.lowerBound, b > 0 else { return nil }
            // The quotient of a negative number is least for the least divisor.
            return a >= 0 ? 0 : Dim.value(a).floorDiv(b).value
        case .max(let a, let b):
            guard let x = a.lowerBound, let y = b.lowerBound else { return a.lowerBound ?? b.lowerBound }
            return Swift.max(x, y)
        case .min(let a, let b):
            guard let x = a.lowerBound, let y = b.lowerBound else { return nil }
            return Swift.min(x, y)
        }
    }

    /// Atoms in it.
    var size: Int {
        switch self {
        case .named, .fresh: 1
        case .floorDiv(let a, let b), .max(let a, let b), .min(let a, let b): 1 + a.size + b.size
        }
    }

    var hasOnlyNames: Bool {
        switch self {
        case .named: true
        case .fresh: false
        case .floorDiv(let a, let b), .max(let a, let b), .min(let a, let b): a.hasOnlyNames && b.hasOnlyNames
        }
    }

    func substituting(_ sizes: (DimSymbol) -> Dim?) -> Dim {
        switch self {
        case .named(let name): sizes(.named(name)) ?? Dim(DimExpression(self))
        case .fresh(let number): sizes(.fresh(number)) ?? Dim(DimExpression(self))
        case .floorDiv(let a, let b): a.substituting(sizes).floorDiv(b.substituting(sizes))
        case .max(let a, let b): .max(a.substituting(sizes), b.substituting(sizes))
        case .min(let a, let b): .min(a.substituting(sizes), b.substituting(sizes))
        }
    }
}

extension DimAtom: Comparable {
    /// Any order will do as long as it is one.
    static func < (a: DimAtom, b: DimAtom) -> Bool {
        switch (a, b) {
        case (.named(let x), .named(let y)): x < y
        case (.fresh(let x), .fresh(let y)): x < y
        case (.floorDiv(let x, let y), .floorDiv(let z, let w)), (.max(let x, let y), .max(let z, let w)), (.min(let x, let y), .min(let z, let w)):
            x == z ? y < w : x < z
        default: a.kind < b.kind
        }
    }

    private var kind: Int {
        switch self {
        case .named: 0
        case .fresh: 1
        case .floorDiv: 2
        case .max: 3
        case .min: 4
        }
    }
}

extension DimAtom: CustomStringConvertible {
    var description: String {
        switch self {
        case .named(let name): name.text
        case .fresh(let number): "?\(number)"
        case .floorDiv(let a, let b): "floor(\(a.factor)/\(b.factor))"
        case .max(let a, let b): "max(\(a), \(b))"
        case .min(let a, let b): "min(\(a), \(b))"
        }
    }
}
