package import Tensors

package enum Gelu: Inferring, Runnable {
    package static let name: Name = "Gelu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        switch try call.string("approximate", "none") {
        case "none": return try call.mapReals(ExactGelu())
        case "tanh": return try call.mapReals(TanhGelu())
        case let other: throw ModelError(.invalidGraph, "attribute 'approximate' is '\(printable(other))'; 'none' or 'tanh' is needed")
        }
    }
}
