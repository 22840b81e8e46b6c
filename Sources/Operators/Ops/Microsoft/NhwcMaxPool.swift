internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.NhwcMaxPool`: MaxPool of values whose channels come last.
package enum NhwcMaxPool: Runnable {
    package static let name: Name = "NhwcMaxPool"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), rank = x.dims.count
        guard rank >= 3 else { throw ModelError(.invalidGraph, "cannot pool \(x.dims): at least 3 dimensions are needed") }
        let turned = try x.transposed([0, rank - 1] + Array(1..<rank - 1), call)
        let inner = Call(node: call.node, opset: 12, inputs: [.tensor(turned)], environment: call.environment)
        guard case .tensor(let y)?? = try MaxPool.run(inner).first else { throw ModelError(.internalFault, "a pooling gave no tensor") }
        return [.tensor(try y.transposed([0] + Array(2..<rank) + [1], call))]
    }
}
