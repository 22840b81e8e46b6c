package import Tensors

package enum QLinearSigmoid: Runnable {
    package static let name: Name = "QLinearSigmoid"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapQuantized { .sigmoid($0) }
    }
}
