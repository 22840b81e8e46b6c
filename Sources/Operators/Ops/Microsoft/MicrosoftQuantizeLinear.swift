package import Tensors

package enum MicrosoftQuantizeLinear: Inferring, Runnable {
    package static let name: Name = "QuantizeLinear"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("output_dtype") ?? (call.hasInput(2) ? call.type(2) : .uint8), try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] { try Quantizing.run(call) }
}
