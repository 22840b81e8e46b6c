package import Tensors

package enum MicrosoftDequantizeLinear: Runnable {
    package static let name: Name = "DequantizeLinear"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try Dequantizing.run(call) }
}
