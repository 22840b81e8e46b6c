package import Tensors

package enum QuantizeLinear: Checkable {
    package static let name: Name = "QuantizeLinear"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkScale(1, into: &report)
        node.checkScaleAxis(into: &report)
    }
}

extension QuantizeLinear: Runnable {
    package static func run(_ call: Call) throws -> [Value?] { try Quantizing.run(call) }
}
