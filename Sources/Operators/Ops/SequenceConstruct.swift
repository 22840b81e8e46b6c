package import Tensors

package enum SequenceConstruct: Inferring, Runnable {
    package static let name: Name = "SequenceConstruct"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let elements = try call.inputs.indices.map { try call.tensor($0).withoutValue }
        return [.sequence(of: elements.dropFirst().reduce(elements.first ?? .unknown) { .common($0, $1) })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        [.sequence(try call.inputs.indices.map { .tensor(try call.tensor($0)) })]
    }
}
