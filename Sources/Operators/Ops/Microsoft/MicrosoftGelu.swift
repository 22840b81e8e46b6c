package import Tensors

package enum MicrosoftGelu: Runnable {
    package static let name: Name = "Gelu"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(ExactGelu()) }
}
