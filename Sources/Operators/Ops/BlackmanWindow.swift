package import Tensors

package enum BlackmanWindow: Inferring, Runnable {
    package static let name: Name = "BlackmanWindow"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("output_datatype") ?? .float, [try call.integers(0)?.first?.ifSize ?? .unknown])] }

    package static func run(_ call: Call) throws -> [Value?] { try CosineWindow.run(call, [0.42, -0.5, 0.08]) }
}
