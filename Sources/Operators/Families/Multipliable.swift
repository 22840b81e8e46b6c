internal import CKernels
internal import Tensors

/// A type that matrices are multiplied in. Integers wrap.
protocol Multipliable: Element {
    static var nought: Self { get }
    static func multiplyAdd(_ sum: Self, _ a: Self, _ b: Self) -> Self
    static func plus(_ a: Self, _ b: Self) -> Self
    /// a·factor, cut off to an integer where `Self` is one.
    static func scaled(_ a: Self, by factor: Float) -> Self
    static func multiply(_ product: Product<Self>, threads: Int) throws
}

/// c = a·b, or c += a·b, of matrices in memory that the caller keeps alive: a is m×k, b is k×n. Steps count elements, so a
/// transposed matrix is one whose steps are swapped. The caller has checked that all of it lies in bounds.
@safe
struct Product<T: Multipliable>: @unchecked Sendable {
    var m: Int
    var n: Int
    var k: Int
    var a: UnsafePointer<T>
    var aRow: Int
    var aColumn = 1
    var b: UnsafePointer<T>
    var bRow: Int
    var bColumn = 1
    var c: UnsafeMutablePointer<T>
    var cRow: Int
    var add = false

    /// Rows `range` of the result only.
    func rows(_ range: Range<Int>) -> Product {
        var part = self
        part.m = range.count
        unsafe part.a += range.lowerBound * aRow
        unsafe part.c += range.lowerBound * cRow
        return part
    }

    /// Columns `range` of the result only.
    func columns(_ range: Range<Int>) -> Product {
        var part = self
        part.n = range.count
        unsafe part.b += range.lowerBound * bColumn
        unsafe part.c += range.lowerBound
        return part
    }

    /// The product cut for `threads` threads; one part if it is too small for a thread to be worth its start.
    func parts(_ threads: Int) -> [Product] {
        let work = Double(m) * Double(n) * Double(k)
        let count = min(threads, Int(min(work / 1_000_000, 1024)))
        guard count > 1 else { return [self] }
        let byRows = m >= n
        let unit = byRows ? 12 : 32
        let step = ceilDivide(ceilDivide(byRows ? m : n, count), unit) * unit
        return stride(from: 0, to: byRows ? m : n, by: step).map {
            byRows ? rows($0..<min(m, $0 + step)) : columns($0..<min(n, $0 + step))
        }
    }
}

extension Multipliable {
    static func multiply(_ product: Product<Self>, threads: Int) throws {
        let parts = product.parts(threads)
        try concurrently(parts.count, threads: threads) { multiplyPlainly(parts[$0]) }
    }

    private static func multiplyPlainly(_ p: Product<Self>) {
        for i in 0..<p.m {
            let c = unsafe p.c + i * p.cRow, a = unsafe p.a + i * p.aRow
            if !p.add { for j in 0..<p.n { unsafe c[j] = nought } }
            if p.bColumn == 1 {
                for s in 0..<p.k {
                    let left = unsafe a[s * p.aColumn], b = unsafe p.b + s * p.bRow
                    for j in 0..<p.n { unsafe c[j] = unsafe multiplyAdd(c[j], left, b[j]) }
                }
            } else {
                for j in 0..<p.n {
                    let b = unsafe p.b + j * p.bColumn
                    var sum = nought
                    for s in 0..<p.k { sum = unsafe multiplyAdd(sum, a[s * p.aColumn], b[s * p.bRow]) }
                    unsafe c[j] = unsafe plus(c[j], sum)
                }
            }
        }
    }
}

extension Multipliable where Self: FixedWidthInteger {
    static var nought: Self { 0 }
    static func multiplyAdd(_ sum: Self, _ a: Self, _ b: Self) -> Self { sum &+ a &* b }
    static func plus(_ a: Self, _ b: Self) -> Self { a &+ b }

    static func scaled(_ a: Self, by factor: Float) -> Self {
        if factor == 1 { return a }
        let value = Double(a) * Double(factor)
        return value.isNaN ? 0 : Self(truncatingIfNeeded: Int64(Swift.max(-9.2e18, Swift.min(9.2e18, value))))
    }
}

extension Int8: Multipliable {}
extension Int16: Multipliable {}
extension Int32: Multipliable {}
extension Int64: Multipliable {}
extension UInt8: Multipliable {}
extension UInt16: Multipliable {}
extension UInt32: Multipliable {}
extension UInt64: Multipliable {}

extension Double: Multipliable {
    static var nought: Double { 0 }
    static func multiplyAdd(_ sum: Double, _ a: Double, _ b: Double) -> Double { sum + a * b }
    static func plus(_ a: Double, _ b: Double) -> Double { a + b }
    static func scaled(_ a: Double, by factor: Float) -> Double { a * Double(factor) }
}

extension Float: Multipliable {
    static var nought: Float { 0 }
    static func multiplyAdd(_ sum: Float, _ a: Float, _ b: Float) -> Float { sum + a * b }
    static func plus(_ a: Float, _ b: Float) -> Float { a + b }
    static func scaled(_ a: Float, by factor: Float) -> Float { a * factor }

    static func multiply(_ product: Product<Float>, threads: Int) throws {
        let parts = product.parts(threads)
        if parts.count == 1 { return try multiplyInC(product) }
        try concurrently(parts.count, threads: threads) { try multiplyInC(parts[$0]) }
    }

    private static func multiplyInC(_ p: Product<Float>) throws {
        guard p.m > 0, p.n > 0 else { return }
        var call = unsafe thimble_product(
            m: p.m, n: p.n, k: p.k, alpha: 1, a: p.a, a_row: p.aRow, a_column: p.aColumn, b: p.b, b_row: p.bRow, b_column: p.bColumn,
            c: p.c, c_row: p.cRow, add: p.add)
        unsafe try Scratch.with(Float.self, Int(THIMBLE_PRODUCT_SCRATCH)) { unsafe thimble_product_run(&call, $0) }
    }
}
