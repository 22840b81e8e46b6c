package import Tensors

package enum GRU: Checkable, Inferring, Runnable {
    package static let name: Name = "GRU"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkRecurrent(into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.recurrent(hasCell: false) }

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        let result = isDouble ? try Recurrent<Cell<Double>>(call).run(call) : try Recurrent<Cell<Float>>(call).run(call)
        return [.tensor(result.y), .tensor(result.h)]
    }

    @safe
    private struct Cell<T: RealElement>: RecurrentCell, @unchecked Sendable {
        static var gates: Int { 3 }
        static var firstProduct: Int { 3 }
        static var hasCellState: Bool { false }
        static var functions: [String] { ["Sigmoid", "Tanh"] }

        let hidden: Int
        let recurrence: UnsafePointer<T>
        let bias: [T]
        let peepholes: [T]?
        let functions: [RecurrentFunction<T>]
        let settings: RecurrentSettings<T>

        /// The recurrent bias of the hidden gate is added where it belongs by `linear_before_reset`.
        func addBias(_ gates: UnsafeMutablePointer<T>) {
            for i in 0..<3 * hidden { unsafe gates[i] += bias[i] }
            for i in 0..<(settings.linearBeforeReset ? 2 : 3) * hidden { unsafe gates[i] += bias[3 * hidden + i] }
        }

        /// Gates come as update, reset, hidden.
        func step(
            _ x: UnsafeMutablePointer<T>, _ r: UnsafeMutablePointer<T>, _ spare: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<T>,
            _ c: UnsafeMutablePointer<T>
        ) throws {
            for i in 0..<2 * hidden { unsafe x[i] += r[i] }
            let (update, reset, new, last) = unsafe (x, x + hidden, x + 2 * hidden, r + 2 * hidden)
            unsafe settings.clipped(x, 2 * hidden)
            unsafe functions[0].apply(x, 2 * hidden)
            if settings.linearBeforeReset {
                for i in 0..<hidden { unsafe new[i] += reset[i] * (last[i] + bias[5 * hidden + i]) }
            } else {
                for i in 0..<hidden { unsafe spare[i] = unsafe reset[i] * h[i] }
                unsafe try T.multiply(
                    Product(m: 1, n: hidden, k: hidden, a: spare, aRow: hidden, b: recurrence + 2 * hidden * hidden, bRow: 1, bColumn: hidden, c: new, cRow: hidden, add: true),
                    threads: 1)
            }
            unsafe settings.clipped(new, hidden)
            unsafe functions[1].apply(new, hidden)
            for i in 0..<hidden { unsafe h[i] = unsafe (1 - update[i]) * new[i] + update[i] * h[i] }
        }
    }
}
