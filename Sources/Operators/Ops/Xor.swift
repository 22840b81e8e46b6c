package import Tensors

package enum Xor: Inferring, Runnable {
    package static let name: Name = "Xor"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combinedTruths { a, b in a.value.flatMap { a in b.value.map { .value(a ^ $0) } } ?? .unknown } }

    package static func run(_ call: Call) throws -> [Value?] { try call.combineBools { $0 != $1 } }
}
