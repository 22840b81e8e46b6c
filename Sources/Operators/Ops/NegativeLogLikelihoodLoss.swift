package import Tensors

package enum NegativeLogLikelihoodLoss: Runnable {
    package static let name: Name = "NegativeLogLikelihoodLoss"

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        return isDouble ? try ClassLoss.run(call, softmax: false, Double.self) : try ClassLoss.run(call, softmax: false, Float.self)
    }
}
