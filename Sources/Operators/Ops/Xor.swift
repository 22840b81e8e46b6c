package import Tensors

package enum Xor: Runnable {
    package static let name: Name = "Xor"

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 != $1 } }
}
