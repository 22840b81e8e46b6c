package import Tensors

package enum OptionalGetElement: Inferring, Runnable {
    package static let name: Name = "OptionalGetElement"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let fact = try call.fact(0)
        if case .optional(let content) = fact.kind { return [content] }
        return [fact]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let value = try call.value(0)
        guard case .optional(let content) = value else { return [value] }
        guard let content else { throw ModelError(.invalidGraph, "the optional is empty, it must hold a value") }
        return [content]
    }
}
