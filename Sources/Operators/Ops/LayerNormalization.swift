package import Tensors

package enum LayerNormalization: Inferring, Runnable {
    package static let name: Name = "LayerNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let statistics = try call.statistics(axis: call.int("axis", -1))
        return try call.likeInput() + [statistics, statistics]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        let axis = try call.axis(call.int("axis", -1), rank: x.dims.count)
        let result = try Normalization.layers(
            call, x, scale: call.optionalTensor(1), bias: call.optionalTensor(2), axis: axis, epsilon: call.float("epsilon", 1e-5), centres: true, T.self)
        return [.tensor(result.y), .tensor(result.mean), .tensor(result.inverse)]
    }
}
