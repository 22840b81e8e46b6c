internal import Tensors

/// The dims of a convolution's result, by the rule that `Convolution` follows.
extension InferenceCall {
    /// `x` is [batch, channels, …], `w` is [outputs, channels / groups, …window].
    func convolution(_ x: [Dim]?, _ w: [Dim]?) throws -> [Dim]? {
        let groups = try int("group", 1)
        if let x, let w {
            guard x.count >= 2, w.count == x.count else {
                throw ModelError(.invalidGraph, "cannot convolve \(x.text) with weights \(w.text): both need one rank of at least 3")
            }
            guard groups >= 1, !(w[1] * groups).isDifferent(from: x[1]), w[0].value.map({ $0 % groups == 0 }) ?? true else {
                throw ModelError(.invalidGraph, "cannot convolve \(x.text) with weights \(w.text) in \(groups) groups")
            }
        }
        guard let rank = x?.count ?? w?.count, rank >= 2 else { return nil }
        let batch = x?[0] ?? .unknown, outputs = w?[0] ?? .unknown
        guard let kernel = try kernel(w), let x else { return [batch, outputs] + [Dim](repeating: .unknown, count: rank - 2) }
        return [batch, outputs] + (try WindowRule(self, kernel: kernel).positions(of: Array(x[2...])))
    }

    /// The window's size, by the attribute or by the weights; nil if neither tells. Throws if they contradict each other.
    func kernel(_ w: [Dim]?) throws -> [Int]? {
        let stated = try ints("kernel_shape")
        guard let w, w.count >= 2 else { return stated }
        guard let stated else { return Array(w[2...]).numbers }
        guard stated.count == w.count - 2, zip(stated, w[2...]).allSatisfy({ !$1.isDifferent(from: .value($0)) }) else {
            throw ModelError(.invalidGraph, "'kernel_shape' is \(stated), the weights have \(w.text)")
        }
        return stated
    }
}
