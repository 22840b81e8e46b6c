package import Tensors

package enum SoftmaxCrossEntropyLoss: Runnable {
    package static let name: Name = "SoftmaxCrossEntropyLoss"

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        return isDouble ? try ClassLoss.run(call, softmax: true, Double.self) : try ClassLoss.run(call, softmax: true, Float.self)
    }
}
