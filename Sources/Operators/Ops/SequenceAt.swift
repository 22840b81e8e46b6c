package import Tensors

package enum SequenceAt: Inferring, Runnable {
    package static let name: Name = "SequenceAt"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [try call.element(0)] }

    package static func run(_ call: Call) throws -> [Value?] {
        let values = try call.sequence(0)
        guard let position = try call.position(1, in: values.count) else { throw ModelError(.invalidGraph, "input 1, the position, is missing") }
        return [values[position]]
    }
}
