package import Tensors

package enum SequenceErase: Inferring, Runnable {
    package static let name: Name = "SequenceErase"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [.sequence(of: try call.element(0))] }

    package static func run(_ call: Call) throws -> [Value?] {
        var values = try call.sequence(0)
        guard !values.isEmpty else { throw ModelError(.invalidGraph, "the sequence is empty, there is nothing to erase") }
        values.remove(at: try call.position(1, in: values.count) ?? values.count - 1)
        return [.sequence(values)]
    }
}
