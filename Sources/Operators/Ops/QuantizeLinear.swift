package import Tensors

package enum QuantizeLinear: Checkable, Inferring {
    package static let name: Name = "QuantizeLinear"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkScale(1, into: &report)
        node.checkScaleAxis(into: &report)
    }
}

extension QuantizeLinear: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("output_dtype") ?? (call.hasInput(2) ? call.type(2) : .uint8), try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] { try Quantizing.run(call) }
}
