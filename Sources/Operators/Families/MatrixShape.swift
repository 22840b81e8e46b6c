internal import Tensors

/// The shapes of a product of stacks of matrices by NumPy's rule (`matmul`): the last two axes are matrices, those before them broadcast.
package struct MatrixShape {
    package var (m, n, k) = (0, 0, 0)
    /// Dims of the result.
    package var dims: [Int] = []
    /// Where each product's matrices start, in elements.
    package var aOffsets: [Int] = []
    package var bOffsets: [Int] = []
    var transposeA = false
    var transposeB = false

    package init(_ aDims: [Int], _ bDims: [Int], transposeA: Bool = false, transposeB: Bool = false) throws {
        guard !aDims.isEmpty, !bDims.isEmpty else {
            throw ModelError(.invalidGraph, "cannot multiply \(aDims) with \(bDims): both need a dimension at least")
        }
        let a = aDims.count == 1 ? [1] + aDims : aDims, b = bDims.count == 1 ? bDims + [1] : bDims
        (self.transposeA, self.transposeB) = (transposeA && aDims.count > 1, transposeB && bDims.count > 1)
        let (aRows, aColumns) = (a[a.count - 2], a[a.count - 1]), (bRows, bColumns) = (b[b.count - 2], b[b.count - 1])
        (m, k) = self.transposeA ? (aColumns, aRows) : (aRows, aColumns)
        let inner: Int
        (inner, n) = self.transposeB ? (bColumns, bRows) : (bRows, bColumns)
        guard inner == k else {
            throw ModelError(.invalidGraph, "cannot multiply \(aDims) with \(bDims): the inner dimensions are \(k) and \(inner), they must be equal")
        }
        let batch = try Broadcast([Array(a.dropLast(2)), Array(b.dropLast(2))])
        guard batch.count <= 1 << 26 else { throw ModelError(.limit, "\(batch.count) products of matrices; the limit is 2^26") }
        dims = batch.dims + (aDims.count == 1 ? [] : [m]) + (bDims.count == 1 ? [] : [n])
        guard elementCount(of: dims) != nil else { throw ModelError(.limit, "a product of \(dims) is too large for a tensor") }
        if batch.count > 0, m > 0, n > 0 {
            aOffsets = offsets(batch, Array(a.dropLast(2)), aRows * aColumns)
            bOffsets = offsets(batch, Array(b.dropLast(2)), bRows * bColumns)
            foldBatches(aDims: a)
        }
    }

    private func offsets(_ batch: Broadcast, _ dims: [Int], _ size: Int) -> [Int] {
        let strides = batch.strides(of: dims)
        var result = [0]
        result.reserveCapacity(batch.count)
        for (axis, dim) in batch.dims.enumerated() {
            result = result.flatMap { start in (0..<dim).map { start + $0 * strides[axis] } }
        }
        return result.map { $0 * size }
    }

    /// Many products with one right matrix are one product with more rows.
    private mutating func foldBatches(aDims: [Int]) {
        guard aOffsets.count > 1, !transposeA, bOffsets.allSatisfy({ $0 == 0 }) else { return }
        guard zip(aOffsets, 0...).allSatisfy({ $0 == $1 * m * k }) else { return }
        m *= aOffsets.count
        (aOffsets, bOffsets) = ([0], [0])
    }

    /// One product of the stack.
    func product<T>(_ index: Int, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>) -> Product<T> {
        unsafe Product(
            m: m, n: n, k: k, a: a + aOffsets[index], aRow: transposeA ? 1 : k, aColumn: transposeA ? m : 1,
            b: b + bOffsets[index], bRow: transposeB ? 1 : n, bColumn: transposeB ? k : 1, c: c + index * m * n, cRow: n)
    }

    /// All products; c holds elements for `dims`.
    func multiply<T: Multipliable>(_ a: Elements<T>, _ b: Elements<T>, into c: NewElements<T>, threads: Int) throws {
        unsafe try a.withPointer { a in
            unsafe try b.withPointer { b in
                unsafe try c.withPointer { c in
                    let products = aOffsets.indices.map { unsafe product($0, a, b, c) }
                    let isSmall = Double(m) * Double(n) * Double(k) * Double(products.count) < 2_000_000
                    if products.count == 1 || isSmall {
                        for product in products { try T.multiply(product, threads: products.count == 1 ? threads : 1) }
                    } else {
                        try concurrently(products.count, threads: threads) { try T.multiply(products[$0], threads: 1) }
                    }
                }
            }
        }
    }
}

/// c (+)= a·b of integers of up to 9 bits with a sign, given as floats: exact, because each block's sums stay below 2^24.
/// Sums wrap at 32 bits.
func multiplyExactly(_ product: Product<Float>, into c: UnsafeMutablePointer<Int32>, cRow: Int) throws {
    let rows = max(1, min(product.m, 65_536 / max(product.n, 1)))
    unsafe try Scratch.with(Float.self, rows * max(product.n, 1)) { tile in
        for row in stride(from: 0, to: product.m, by: rows) {
            var part = product.rows(row..<min(product.m, row + rows))
            for i in 0..<part.m { unsafe (c + (row + i) * cRow).update(repeating: 0, count: part.n) }
            unsafe (part.c, part.cRow, part.add) = unsafe (tile, part.n, false)
            for start in stride(from: 0, to: product.k, by: 256) {
                part.k = min(256, product.k - start)
                try Float.multiply(part, threads: 1)
                for i in 0..<part.m {
                    let target = unsafe c + (row + i) * cRow, sums = unsafe tile + i * part.n
                    for j in 0..<part.n { unsafe target[j] &+= Int32(sums[j]) }
                }
                unsafe part.a += 256 * part.aColumn
                unsafe part.b += 256 * part.bRow
            }
        }
    }
}
