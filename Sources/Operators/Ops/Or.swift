package import Tensors

package enum Or: Inferring, Runnable {
    package static let name: Name = "Or"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combinedTruths { ($0 == 1 || $1 == 1) ? 1 : ($0 == 0 && $1 == 0) ? 0 : .unknown } }

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 || $1 } }
}
