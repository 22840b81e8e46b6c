package import Tensors

package enum BiasGelu: Runnable {
    package static let name: Name = "BiasGelu"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(withBias: ExactGelu()) }
}
