package import Tensors

package enum DequantizeLinear: Checkable {
    package static let name: Name = "DequantizeLinear"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkScale(1, into: &report)
        node.checkScaleAxis(into: &report)
    }
}

extension DequantizeLinear: Runnable {
    package static func run(_ call: Call) throws -> [Value?] { try Dequantizing.run(call) }
}
