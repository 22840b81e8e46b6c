package import Tensors

package enum SimplifiedLayerNormalization: Inferring, Runnable {
    package static let name: Name = "SimplifiedLayerNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() + [call.statistics(axis: call.int("axis", -1))] }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        let axis = try call.axis(call.int("axis", -1), rank: x.dims.count)
        let result = try Normalization.layers(
            call, x, scale: call.optionalTensor(1), bias: nil, axis: axis, epsilon: call.float("epsilon", 1e-5), centres: false, T.self)
        return [.tensor(result.y), .tensor(result.inverse)]
    }
}
