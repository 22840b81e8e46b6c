package import Tensors

package enum MicrosoftQuantizeLinear: Runnable {
    package static let name: Name = "QuantizeLinear"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try Quantizing.run(call) }
}
