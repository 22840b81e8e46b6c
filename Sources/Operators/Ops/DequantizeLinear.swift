package import Tensors

package enum DequantizeLinear: Checkable, Inferring {
    package static let name: Name = "DequantizeLinear"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkScale(1, into: &report)
        node.checkScaleAxis(into: &report)
    }
}

extension DequantizeLinear: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("output_dtype") ?? call.type(1), try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] { try Dequantizing.run(call) }
}
