package import Tensors

package enum Or: Runnable {
    package static let name: Name = "Or"

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 || $1 } }
}
