internal import ModelGraph
internal import Tensors

/// The activation that ONNX Runtime fuses into convolutions and products.
enum FusedActivation {
    /// `numbers`: what the activation takes, in its order.
    static func apply(_ name: String, _ numbers: [Float], to tensor: Tensor) throws -> Tensor {
        guard !name.isEmpty else { return tensor }
        let source = try tensor.floats("the result"), values = try NewElements<Float>(source.count)
        unsafe try source.withPointer { source in
            unsafe try values.withPointer { target in
                unsafe target.update(from: source, count: values.count)
                if name == "Clip" {
                    let low = numbers.first ?? -.infinity, high = numbers.count > 1 ? numbers[1] : .infinity
                    for i in 0..<values.count { unsafe target[i] = unsafe min(max(target[i], low), high) }
                } else {
                    var alphas = numbers.prefix(1), betas = numbers.dropFirst().prefix(1)
                    unsafe try RecurrentFunction<Float>(name, &alphas, &betas).apply(target, values.count)
                }
            }
        }
        return try Tensor.rounding(values, to: tensor.elementType, tensor.dims)
    }
}
