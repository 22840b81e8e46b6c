package import Tensors

/// The operator; `Optional` in Swift is a type of the standard library.
package enum OptionalOperator: Runnable {
    package static let name: Name = "Optional"

    package static func run(_ call: Call) throws -> [Value?] {
        [.optional(call.hasInput(0) ? try call.value(0) : nil)]
    }
}
