internal import Tensors

extension InferenceCall {
    /// Dims of a transposed convolution, as `TransposedConvolution` makes them: `x` is [batch, inputs, …], `w` is [inputs, outputs / groups, …window].
    func transposedConvolution(_ x: [Dim]?, _ w: [Dim]?) throws -> [Dim]? {
        let groups = try int("group", 1)
        if let x, let w {
            guard x.count >= 2, w.count == x.count, groups >= 1, !w[0].isDifferent(from: x[1]), w[0].value.map({ $0 % groups == 0 }) ?? true else {
                throw ModelError(.invalidGraph, "cannot convolve \(x.text) with weights \(w.text) in \(groups) groups")
            }
        }
        guard let rank = x?.count ?? w?.count, rank >= 2 else { return nil }
        let first = [x?[0] ?? .unknown, w.map { $0[1] * groups } ?? .unknown]
        guard let kernel = try kernel(w) else { return first + [Dim](repeating: .unknown, count: rank - 2) }
        let sizes = try TransposedWindowRule(self, kernel: kernel)
        return try first + (0..<rank - 2).map { try sizes.size($0, of: x?[$0 + 2] ?? .unknown) }
    }
}
