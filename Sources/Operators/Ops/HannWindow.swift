package import Tensors

package enum HannWindow: Runnable {
    package static let name: Name = "HannWindow"

    package static func run(_ call: Call) throws -> [Value?] { try CosineWindow.run(call, [0.5, -0.5]) }
}
