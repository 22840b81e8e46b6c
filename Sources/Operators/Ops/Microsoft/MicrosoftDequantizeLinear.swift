package import Tensors

package enum MicrosoftDequantizeLinear: Inferring, Runnable {
    package static let name: Name = "DequantizeLinear"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("output_dtype") ?? call.type(1), try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] { try Dequantizing.run(call) }
}
