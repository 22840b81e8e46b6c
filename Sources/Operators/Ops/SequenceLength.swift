package import Tensors

package enum SequenceLength: Inferring, Runnable {
    package static let name: Name = "SequenceLength"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.int64, [])] }

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try .int64([call.sequence(0).count], dims: []))]
    }
}
