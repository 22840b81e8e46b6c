internal import Tensors

extension InferenceCall {
    /// Dims of a product of stacks of matrices, as `MatrixShape` makes them; nil if a rank is not known.
    func product(_ a: [Dim]?, _ b: [Dim]?, transposeA: Bool = false, transposeB: Bool = false) throws -> [Dim]? {
        if a?.isEmpty ?? false || b?.isEmpty ?? false {
            throw ModelError(.invalidGraph, "cannot multiply \(a?.text ?? "?") with \(b?.text ?? "?"): both need a dimension at least")
        }
        guard let a, let b else { return nil }
        let x = a.count == 1 ? [1] + a : a, y = b.count == 1 ? b + [1] : b
        let (rows, k) = transposeA && a.count > 1 ? (x[x.count - 1], x[x.count - 2]) : (x[x.count - 2], x[x.count - 1])
        let (inner, columns) = transposeB && b.count > 1 ? (y[y.count - 1], y[y.count - 2]) : (y[y.count - 2], y[y.count - 1])
        _ = try same(k, inner, "cannot multiply \(a.text) with \(b.text): the inner dimensions must be equal")
        guard let batch = try broadcast([Array(x.dropLast(2)), Array(y.dropLast(2))]) else { return nil }
        return batch + (a.count == 1 ? [] : [rows]) + (b.count == 1 ? [] : [columns])
    }
}
