internal import CKernels
internal import Tensors

/// Sums of x·xᵀ and of x over vectors that come one after the other. For one thread.
final class MomentSums: @unchecked Sendable {
    let count: Int
    private var second: [Float]
    private var first: [Float]
    private var rows = 0
    private var waiting: [Float] = []
    private var scratch: [Float] = []
    private static let batch = 256

    init(count: Int) {
        self.count = count
        second = [Float](repeating: 0, count: count * count)
        first = [Float](repeating: 0, count: count)
        waiting.reserveCapacity(Self.batch * count)
    }

    /// Vectors that have been added.
    var vectorCount: Int { rows + waiting.count / max(1, count) }

    /// Adds the vectors that lie one behind the other in `values`; those that hold NaN or infinity are left out.
    func add(_ values: UnsafeBufferPointer<Float>) {
        var at = 0
        while at + count <= values.count {
            let vector = unsafe UnsafeBufferPointer(rebasing: values[at..<at + count])
            if unsafe vector.allSatisfy(\.isFinite) { unsafe waiting.append(contentsOf: vector) }
            at += count
            if waiting.count >= Self.batch * count { flush() }
        }
    }

    private func flush() {
        let batch = waiting.count / max(1, count)
        guard batch > 0 else { return }
        if scratch.isEmpty { scratch = [Float](repeating: 0, count: Int(THIMBLE_PRODUCT_SCRATCH)) }
        unsafe waiting.withUnsafeBufferPointer { x in
            unsafe second.withUnsafeMutableBufferPointer { second in
                var product = unsafe thimble_product()
                unsafe (product.m, product.n, product.k, product.alpha) = (count, count, batch, 1)
                unsafe (product.a, product.a_row, product.a_column) = (x.baseAddress!, 1, count)
                unsafe (product.b, product.b_row, product.b_column) = (x.baseAddress!, count, 1)
                unsafe (product.c, product.c_row, product.add) = (second.baseAddress!, count, true)
                unsafe thimble_product_run(&product, &scratch)
            }
        }
        for row in 0..<batch {
            for column in 0..<count { first[column] += waiting[row * count + column] }
        }
        rows += batch
        waiting.removeAll(keepingCapacity: true)
    }

    /// Takes over what another one has summed.
    func add(_ other: MomentSums) {
        flush()
        other.flush()
        for index in second.indices { second[index] += other.second[index] }
        for index in first.indices { first[index] += other.first[index] }
        rows += other.rows
    }

    /// Of what was added to both; nil if that is nothing.
    func moments(heldOut: MomentSums?) -> InputMoments? {
        let out = heldOut?.moments(heldOut: nil)
        if let heldOut { add(heldOut) } else { flush() }
        guard rows > 0 else { return nil }
        let part = 1 / Float(rows)
        return InputMoments(count: count, vectorCount: rows, second: second.map { $0 * part }, mean: first.map { $0 * part }, heldOut: out)
    }
}
