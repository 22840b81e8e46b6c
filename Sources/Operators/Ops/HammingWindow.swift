package import Tensors

package enum HammingWindow: Runnable {
    package static let name: Name = "HammingWindow"

    package static func run(_ call: Call) throws -> [Value?] { try CosineWindow.run(call, [25 / 46.0, -21 / 46.0]) }
}
