package import Tensors

/// Without `training_mode`, and before operator set 12 always, nothing is dropped.
package enum Dropout: Inferring, Runnable {
    package static let name: Name = "Dropout"
    package static let limits: String? = "in training, other random numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let input = try call.tensor(0)
        return [Fact(input.elementType, input.dims), Fact(call.opset >= 10 ? .bool : input.elementType, input.dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        guard let count = input.elementCount else { throw ModelError(.limit, "\(input.dims) is too large for a tensor") }
        let ratio = try call.opset >= 12 ? call.optionalTensor(1).map { try single($0.converted(to: Double.self), "ratio") } ?? 0.5 : 0
        guard ratio >= 0, ratio < 1 else { throw ModelError(.invalidGraph, "the ratio is \(ratio), a number from 0 and below 1 is needed") }
        guard try ratio > 0 && isTraining(call) else {
            guard call.wants(1) else { return [.tensor(input)] }
            // Before BOOL the mask had the type of the data.
            let mask = try NewElements<UInt8>(count, filledWith: 1).tensor(.bool, input.dims)
            return [.tensor(input), .tensor(call.opset >= 10 ? mask : try Casting(target: input.elementType).cast(mask))]
        }
        let seed = try call.int("seed").map { UInt32(truncatingIfNeeded: $0) } ?? UInt32(truncatingIfNeeded: call.environment.nextRandom())
        var random = MersenneTwister(seed: seed)
        let mask = try NewElements<UInt8>(count)
        for index in 0..<count { mask[index] = random.nextDouble() >= ratio ? 1 : 0 }
        let kept = try input.elementType.withReals(Dropping(input: input, mask: mask, scale: 1 / (1 - ratio)))
        return [.tensor(kept), .tensor(mask.tensor(.bool, input.dims))]
    }

    private static func isTraining(_ call: Call) throws -> Bool {
        guard call.opset >= 12, let mode = try call.optionalTensor(2) else { return false }
        guard mode.elementType == .bool else { throw ModelError(.invalidGraph, "training_mode is \(mode.elementType), BOOL is needed") }
        return try single(mode.elements(as: UInt8.self), "training_mode") != 0
    }

    private static func single<T: Element>(_ values: Elements<T>, _ what: String) throws -> T {
        guard values.count == 1 else { throw ModelError(.invalidGraph, "\(what) has \(values.count) elements, a scalar is needed") }
        return values[0]
    }

    private struct Dropping: RealWork {
        let input: Tensor
        let mask: NewElements<UInt8>
        let scale: Double

        func run<T: Real>(_ type: T.Type) throws -> Tensor {
            let source = try T.elements(of: input), result = try NewElements<T>(source.count)
            for index in 0..<source.count { result[index] = mask[index] == 0 ? 0 : source[index] * T(scale) }
            return try T.tensor(result, input.elementType, input.dims)
        }
    }
}
