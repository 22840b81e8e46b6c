package import Tensors

/// Of the first operator sets, for images [N, C, H, W]; ONNX Runtime still runs it.
package enum ImageScaler: Inferring, Runnable {
    package static let name: Name = "ImageScaler"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0), bias = try call.floats("bias") ?? []
        guard input.dims.count == 4, bias.count == input.dims[1] else {
            throw ModelError(.invalidGraph, "the input has dims \(input.dims) and there are \(bias.count) biases; 4 dimensions and a bias per channel are needed")
        }
        return [.tensor(try input.elementType.withReals(Scaling(input: input, scale: call.float("scale", 1), bias: bias)))]
    }

    private struct Scaling: RealWork {
        let input: Tensor
        let scale: Float
        let bias: [Float]

        func run<T: Real>(_ type: T.Type) throws -> Tensor {
            let source = try T.elements(of: input), result = try NewElements<T>(source.count)
            let plane = input.dims[2] * input.dims[3]
            for start in stride(from: 0, to: source.count, by: max(plane, 1)) {
                let offset = T(bias[start / plane % bias.count])
                for index in start..<start + plane { result[index] = source[index] * T(scale) + offset }
            }
            return try T.tensor(result, input.elementType, input.dims)
        }
    }
}
