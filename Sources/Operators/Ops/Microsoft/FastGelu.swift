package import Tensors

package enum FastGelu: Runnable {
    package static let name: Name = "FastGelu"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(withBias: TanhGelu()) }
}
