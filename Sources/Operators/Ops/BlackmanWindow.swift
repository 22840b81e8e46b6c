package import Tensors

package enum BlackmanWindow: Runnable {
    package static let name: Name = "BlackmanWindow"

    package static func run(_ call: Call) throws -> [Value?] { try CosineWindow.run(call, [0.42, -0.5, 0.08]) }
}
