package import Tensors

package enum SoftmaxCrossEntropyLoss: Inferring, Runnable {
    package static let name: Name = "SoftmaxCrossEntropyLoss"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.string("reduction", "mean") == "none" ? call.dims(1) : []), try call.likeInput()[0]] }

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        return isDouble ? try ClassLoss.run(call, softmax: true, Double.self) : try ClassLoss.run(call, softmax: true, Float.self)
    }
}
