package import Tensors

package enum SequenceConstruct: Runnable {
    package static let name: Name = "SequenceConstruct"

    package static func run(_ call: Call) throws -> [Value?] {
        [.sequence(try call.inputs.indices.map { .tensor(try call.tensor($0)) })]
    }
}
