/// Sums and products over numbers that come from a file: nil instead of a trap when they leave 64 bits.

@inlinable
public func checkedAdd(_ a: Int, _ b: Int) -> Int? {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : sum
}

@inlinable
public func checkedMultiply(_ a: Int, _ b: Int) -> Int? {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : product
}

/// `count / divisor`, rounded up; both at least 0, divisor at least 1.
@inlinable
public func ceilDivide(_ count: Int, _ divisor: Int) -> Int {
    count / divisor + (count % divisor == 0 ? 0 : 1)
}

/// The number of elements of a tensor of these dims, 1 for none. Nil if one is negative or the product leaves 2^48,
/// the limit of the file format (no memory holds so many); so does the product of the others where one is 0, because strides
/// are made of it.
public func elementCount(of dims: [Int]) -> Int? {
    var count = 1
    var hasZero = false
    for dim in dims {
        guard dim >= 0, dim <= 1 << 48 else { return nil }
        if dim == 0 { hasZero = true; continue }
        guard let product = checkedMultiply(count, dim), product <= 1 << 48 else { return nil }
        count = product
    }
    return hasZero ? 0 : count
}
