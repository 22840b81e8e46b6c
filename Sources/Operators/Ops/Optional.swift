internal import ModelGraph
package import Tensors

/// The operator; `Optional` in Swift is a type of the standard library.
package enum OptionalOperator: Inferring, Runnable {
    package static let name: Name = "Optional"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        if call.hasInput(0) { return [.optional(try call.fact(0))] }
        if case .type(let type)? = call.node.attribute("type")?.value { return [.optional(Fact(type))] }
        return [.optional(.unknown)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        [.optional(call.hasInput(0) ? try call.value(0) : nil)]
    }
}
