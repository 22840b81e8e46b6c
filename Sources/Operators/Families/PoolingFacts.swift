internal import Tensors

extension InferenceCall {
    /// Dims of a pooling of input 0 over windows, as `Pooling` makes them.
    func pooledDims() throws -> [Dim]? {
        let kernel = try required("kernel_shape", ints("kernel_shape"))
        guard let x = try dims(0) else { return [Dim](repeating: .unknown, count: kernel.count + 2) }
        guard x.count == kernel.count + 2, x.count >= 3 else {
            throw ModelError(.invalidGraph, "cannot pool \(x.text) with 'kernel_shape' \(kernel): two dimensions more are needed")
        }
        return Array(x[..<2]) + (try WindowRule(self, kernel: kernel, rounding: bool("ceil_mode")).positions(of: Array(x[2...])))
    }

    /// Dims of a pooling over whole planes.
    func planeDims() throws -> [Dim]? {
        guard let x = try dims(0) else { return nil }
        guard x.count >= 2 else { throw ModelError(.invalidGraph, "cannot pool \(x.text): at least 2 dimensions are needed") }
        return x[..<2] + [Dim](repeating: 1, count: x.count - 2)
    }
}
