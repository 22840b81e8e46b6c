package import Tensors

package enum And: Inferring, Runnable {
    package static let name: Name = "And"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combinedTruths { ($0 == 0 || $1 == 0) ? 0 : ($0 == 1 && $1 == 1) ? 1 : .unknown } }

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 && $1 } }
}
