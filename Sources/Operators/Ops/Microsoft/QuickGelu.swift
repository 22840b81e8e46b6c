package import Tensors

package enum QuickGelu: Runnable {
    package static let name: Name = "QuickGelu"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(SigmoidGelu(alpha: call.float("alpha", 1.702))) }
}
