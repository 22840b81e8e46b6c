package import Tensors

package enum SequenceLength: Runnable {
    package static let name: Name = "SequenceLength"

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try .int64([call.sequence(0).count], dims: []))]
    }
}
