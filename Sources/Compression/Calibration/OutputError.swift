internal import CKernels
internal import Tensors

extension InputMoments {
    /// e·H·eᵀ of each of the rows e that lie one behind the other in `misses`, H the second moments: the mean square of what they change of their outputs on
    /// the samples. Damped, the diagonal of H gets so many parts of its mean: inputs to come go ways that the samples did not.
    func errors(of misses: [Float], damping: Double = 0) -> [Double] {
        let rows = misses.count / max(1, count)
        guard rows > 0 else { return [] }
        var product = [Float](repeating: 0, count: rows * count), scratch = [Float](repeating: 0, count: Int(THIMBLE_PRODUCT_SCRATCH))
        unsafe misses.withUnsafeBufferPointer { e in
            unsafe second.withUnsafeBufferPointer { h in
                unsafe product.withUnsafeMutableBufferPointer { out in
                    var run = unsafe thimble_product()
                    unsafe (run.m, run.n, run.k, run.alpha) = (rows, count, count, 1)
                    unsafe (run.a, run.a_row, run.a_column) = (e.baseAddress!, count, 1)
                    unsafe (run.b, run.b_row, run.b_column) = (h.baseAddress!, count, 1)
                    unsafe (run.c, run.c_row, run.add) = (out.baseAddress!, count, false)
                    unsafe thimble_product_run(&run, &scratch)
                }
            }
        }
        let extra = damping == 0 ? 0 : Float(damping * diagonal.reduce(0) { $0 + Double($1) } / Double(count))
        return (0..<rows).map { row in
            var sum = 0.0
            for index in row * count..<(row + 1) * count { sum += Double(misses[index]) * Double(product[index] + extra * misses[index]) }
            return sum
        }
    }

    /// The same of all rows together.
    func energy(of misses: [Float]) -> Double { errors(of: misses).reduce(0, +) }
}
