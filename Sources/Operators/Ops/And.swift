package import Tensors

package enum And: Runnable {
    package static let name: Name = "And"

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 && $1 } }
}
