internal import Tensors

extension Tensor {
    /// A number for each element that orders as the elements do: NaN is above everything, zeros are equal, strings go by bytes.
    func orderKeys() throws -> [UInt64] {
        switch elementType {
        case .float: return try elements(as: Float.self).map { Double($0).orderKey }
        case .float16, .bfloat16: return try floats("the data").map { Double($0).orderKey }
        case .double: return try elements(as: Double.self).map(\.orderKey)
        case .uint64: return try Array(elements(as: UInt64.self))
        case .string: return try Self.ranks(stringElements())
        default: return try wholeNumbers("the data").map { UInt64(bitPattern: Int64($0)) ^ 1 << 63 }
        }
    }

    private static func ranks(_ strings: [[UInt8]]) -> [UInt64] {
        let order = strings.indices.sorted { strings[$0].lexicographicallyPrecedes(strings[$1]) }
        var ranks = [UInt64](repeating: 0, count: strings.count), rank: UInt64 = 0
        for (position, index) in order.enumerated() {
            if position > 0, strings[order[position - 1]] != strings[index] { rank += 1 }
            ranks[index] = rank
        }
        return ranks
    }
}

extension Double {
    fileprivate var orderKey: UInt64 {
        if isNaN { return .max }
        let bits = (self + 0).bitPattern
        return bits >> 63 == 1 ? ~bits : bits | 1 << 63
    }
}
