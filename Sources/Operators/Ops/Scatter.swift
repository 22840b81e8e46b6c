package import Tensors

/// The name that ScatterElements had before opset 11.
package enum Scatter: Runnable {
    package static let name: Name = "Scatter"

    package static func run(_ call: Call) throws -> [Value?] { try ScatterElements.run(call) }
}
