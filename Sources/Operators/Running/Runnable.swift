package import Tensors

/// An operator that this version can run.
///
/// A kernel trusts nothing about its inputs: it checks ranks, dims, element types and indices and throws a `ModelError` that says
/// what it found and what it needs; it never traps. It does not say which node it runs for: the session adds that.
package protocol Runnable: Operator {
    /// One value per output that the node has; nil for one that it left out.
    static func run(_ call: Call) throws -> [Value?]
    /// True if two runs with equal inputs need not make equal outputs.
    static var isRandom: Bool { get }
}

extension Runnable {
    package static var isRandom: Bool { false }
    package static var runnable: (any Runnable.Type)? { Self.self }
}
