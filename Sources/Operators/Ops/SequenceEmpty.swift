package import Tensors

package enum SequenceEmpty: Runnable {
    package static let name: Name = "SequenceEmpty"

    package static func run(_ call: Call) throws -> [Value?] { [.sequence([])] }
}
