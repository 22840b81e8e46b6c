package import Tensors

package enum SequenceEmpty: Inferring, Runnable {
    package static let name: Name = "SequenceEmpty"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [.sequence(of: Fact(try call.elementType("dtype") ?? .float))] }

    package static func run(_ call: Call) throws -> [Value?] { [.sequence([])] }
}
