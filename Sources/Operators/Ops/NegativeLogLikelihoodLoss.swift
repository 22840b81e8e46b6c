package import Tensors

package enum NegativeLogLikelihoodLoss: Inferring, Runnable {
    package static let name: Name = "NegativeLogLikelihoodLoss"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.string("reduction", "mean") == "none" ? call.dims(1) : [])] }

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        return isDouble ? try ClassLoss.run(call, softmax: false, Double.self) : try ClassLoss.run(call, softmax: false, Float.self)
    }
}
