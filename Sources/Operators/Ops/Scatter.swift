package import Tensors

/// The name that ScatterElements had before opset 11.
package enum Scatter: Inferring, Runnable {
    package static let name: Name = "Scatter"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try ScatterElements.run(call) }
}
