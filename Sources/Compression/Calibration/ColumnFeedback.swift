internal import CKernels
internal import Tensors

/// How the rounding errors of columns are made up for by the columns behind them.
///
/// With second moments H = (U + I) D (U + I)ᵀ, U strictly upper triangular, rounding column k of W + (W − Ŵ) U to the nearest leaves the
/// output error Σ D_k · (what rounding changed)²: Frantar et al., "GPTQ" (2023), in the form that Chee et al. give in "QuIP" (2023, LDLQ) and
/// show to be the same. It needs one Cholesky factorization and no inverse.
struct ColumnFeedback: Sendable {
    /// The column that is rounded k-th.
    let order: [Int]
    /// Row k: what the errors of the k columns before are multiplied with.
    let factors: [Float]
    let pivots: [Float]

    init(_ second: [Float], count n: Int, ordersColumns: Bool, damping: Double) throws {
        let diagonal = (0..<n).map { Double(second[$0 * n + $0]) }
        let mean = diagonal.reduce(0, +) / Double(max(1, n))
        let extra = mean > 0 && mean.isFinite ? mean * damping : 1
        // Columns that count most first: those behind them can still make up for them.
        order = ordersColumns ? (0..<n).sorted { (diagonal[$0], $1) > (diagonal[$1], $0) } : Array(0..<n)
        // U·D·Uᵀ from the end is Cholesky's L·Lᵀ of the matrix turned round.
        var matrix = [Float](repeating: 0, count: n * n)
        let reversed = Array(order.reversed())
        for (i, row) in reversed.enumerated() {
            for j in 0...i { matrix[i * n + j] = second[row * n + reversed[j]] }
            matrix[i * n + i] += Float(extra)
        }
        try Self.factorize(&matrix, n)
        var factors = [Float](repeating: 0, count: n * (n - 1) / 2), pivots = [Float](repeating: 0, count: n)
        for k in 0..<n {
            let column = n - 1 - k, pivot = matrix[column * n + column]
            pivots[k] = pivot * pivot
            for j in 0..<k { factors[k * (k - 1) / 2 + j] = matrix[(n - 1 - j) * n + column] / pivot }
        }
        (self.factors, self.pivots) = (factors, pivots)
    }

    /// Cholesky's factor in the lower triangle, in blocks of columns: what lies left of a block is taken off by one product (Golub and Van Loan,
    /// "Matrix Computations", 4.2). Fails if the matrix is not positive.
    private static func factorize(_ a: inout [Float], _ n: Int) throws {
        let width = 64
        var scratch = [Float](repeating: 0, count: Int(THIMBLE_PRODUCT_SCRATCH))
        for start in stride(from: 0, to: n, by: width) {
            let end = min(n, start + width)
            if start > 0 {
                unsafe a.withUnsafeMutableBufferPointer { a in
                    let base = a.baseAddress!
                    var product = unsafe thimble_product()
                    unsafe (product.m, product.n, product.k, product.alpha) = (n - start, end - start, start, -1)
                    unsafe (product.a, product.a_row, product.a_column) = (UnsafePointer(base + start * n), n, 1)
                    unsafe (product.b, product.b_row, product.b_column) = (UnsafePointer(base + start * n), 1, n)
                    unsafe (product.c, product.c_row, product.add) = (base + start * n + start, n, true)
                    unsafe thimble_product_run(&product, &scratch)
                }
            }
            for j in start..<end {
                var pivot = Double(a[j * n + j])
                for k in start..<j { pivot -= Double(a[j * n + k]) * Double(a[j * n + k]) }
                guard pivot > 0, pivot.isFinite else {
                    throw ModelError(.badArgument, "the statistics of its inputs are not positive; more or other samples are needed")
                }
                let root = pivot.squareRoot()
                a[j * n + j] = Float(root)
                let inverse = Float(1 / root)
                for i in (j + 1)..<max(n, j + 1) {
                    var sum = a[i * n + j]
                    for k in start..<j { sum -= a[i * n + k] * a[j * n + k] }
                    a[i * n + j] = sum * inverse
                }
            }
        }
    }
}
