package import Tensors

package enum InstanceNormalization: Inferring, Runnable {
    package static let name: Name = "InstanceNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        if let dims = try call.dims(0), dims.count < 3 { throw ModelError(.invalidGraph, "the input has dims \(dims.text), at least 3 are needed") }
        return try call.likeInput()
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        guard x.dims.count >= 3 else { throw ModelError(.invalidGraph, "the input has dims \(x.dims), at least 3 are needed") }
        let channels = x.dims[1], length = x.dims.dropFirst(2).reduce(1, *)
        let factors = Normalization.Factors<T>(
            scale: try call.vector(1, count: channels, "the scale"), bias: try call.vector(2, count: channels, "the bias"), inner: max(1, length))
        let y = try call.newElements(x.dims, T.self)
        let work = Normalization(rows: x.dims[0] * channels, length: length, epsilon: Double(try call.float("epsilon", 1e-5)))
        unsafe try T.load(x, "the input").withPointer { x in unsafe try y.withPointer { unsafe try work.run(x, factors, into: $0, threads: call.environment.threads) } }
        return [.tensor(try T.store(y, as: x.elementType, x.dims))]
    }
}
