internal import ModelGraph
internal import Tensors

/// Makes one Cast of two in a row.
///
///     x → Cast(A) → Cast(B) → y      becomes      x → Cast(B) → y
///
/// Applies where A holds every value of the type of x, so that the first Cast loses nothing. Leaves alone types whose numbers are rounded in other
/// ways (8 bits of float and less) and strings.
enum MergeCasts: GraphPass {
    static let name = "merge-casts"
    static let summary = "of two Casts in a row, a first one that loses nothing goes"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .cast) {
            let middle = graph.nodes[node].inputs.first ?? -1
            guard let inner = graph.maker(middle, .cast), let source = graph.nodes[inner].inputs.first, source >= 0,
                let from = graph.elementType(source), let through = graph.elementType(middle), let to = graph.nodes[node].outputs.first.flatMap({ graph.elementType($0) }),
                through.holdsAll(of: from), to.isPlainNumber
            else { continue }
            log.did("\(graph.label(node)) reads \(from) instead of \(through)")
            graph.setInput(node, 0, source)
        }
    }
}

extension ElementType {
    /// Numbers that every runtime converts alike.
    fileprivate var isPlainNumber: Bool { integerRange != nil || floatDigits != nil }

    /// Bits of the magnitude and whether there is a sign.
    private var integerRange: (bits: Int, isSigned: Bool)? {
        switch self {
        case .bool: (1, false)
        case .uint8: (8, false)
        case .uint16: (16, false)
        case .uint32: (32, false)
        case .uint64: (64, false)
        case .int8: (7, true)
        case .int16: (15, true)
        case .int32: (31, true)
        case .int64: (63, true)
        default: nil
        }
    }

    /// Binary digits of the significand, and the order of the exponents' ranges.
    private var floatDigits: (digits: Int, range: Int)? {
        switch self {
        case .float16: (11, 0)
        case .bfloat16: (8, 1)
        case .float: (24, 1)
        case .double: (53, 2)
        default: nil
        }
    }

    /// True if each value of `other` is one of this type.
    fileprivate func holdsAll(of other: ElementType) -> Bool {
        if self == other { return isPlainNumber }
        if self == .bool { return false }
        switch (other.integerRange, other.floatDigits, integerRange, floatDigits) {
        case (let from?, _, let to?, _): return from.isSigned ? to.isSigned && to.bits >= from.bits : to.bits >= from.bits
        case (let from?, _, _, let to?): return from.bits <= to.digits
        case (_, let from?, _, let to?): return to.digits >= from.digits && to.range >= from.range
        default: return false
        }
    }
}
