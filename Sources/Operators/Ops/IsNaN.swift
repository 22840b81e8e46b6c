package import Tensors

package enum IsNaN: Runnable {
    package static let name: Name = "IsNaN"

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(Predicate()) }

    private struct Predicate: RealPredicate {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> Bool { x.isNaN }
    }
}
