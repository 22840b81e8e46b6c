package import Tensors

package enum LSTM: Checkable, Inferring, Runnable {
    package static let name: Name = "LSTM"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkRecurrent(into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.recurrent(hasCell: true) }

    package static func run(_ call: Call) throws -> [Value?] {
        let isDouble = try call.tensor(0).elementType == .double
        let result = isDouble ? try Recurrent<Cell<Double>>(call).run(call) : try Recurrent<Cell<Float>>(call).run(call)
        return [.tensor(result.y), .tensor(result.h), .tensor(result.c)]
    }

    @safe
    private struct Cell<T: RealElement>: RecurrentCell, @unchecked Sendable {
        static var gates: Int { 4 }
        static var firstProduct: Int { 4 }
        static var hasCellState: Bool { true }
        static var functions: [String] { ["Sigmoid", "Tanh", "Tanh"] }

        let hidden: Int
        let recurrence: UnsafePointer<T>
        let bias: [T]
        let peepholes: [T]?
        let functions: [RecurrentFunction<T>]
        let settings: RecurrentSettings<T>

        func addBias(_ gates: UnsafeMutablePointer<T>) {
            for i in 0..<4 * hidden { unsafe gates[i] += bias[i] + bias[4 * hidden + i] }
        }

        /// Gates come as input, output, forget, cell.
        func step(
            _ x: UnsafeMutablePointer<T>, _ r: UnsafeMutablePointer<T>, _ spare: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<T>,
            _ c: UnsafeMutablePointer<T>
        ) {
            for i in 0..<4 * hidden { unsafe r[i] += x[i] }
            let (input, output, forget, cell) = unsafe (r, r + hidden, r + 2 * hidden, r + 3 * hidden)
            if let peepholes {
                for i in 0..<hidden {
                    unsafe input[i] += peepholes[i] * c[i]
                    unsafe forget[i] += peepholes[2 * hidden + i] * c[i]
                }
            }
            unsafe settings.clipped(input, hidden)
            unsafe settings.clipped(forget, 2 * hidden)
            unsafe functions[0].apply(input, hidden)
            unsafe functions[1].apply(cell, hidden)
            if settings.couplesForget {
                for i in 0..<hidden { unsafe forget[i] = unsafe 1 - input[i] }
            } else {
                unsafe functions[0].apply(forget, hidden)
            }
            for i in 0..<hidden { unsafe c[i] = unsafe forget[i] * c[i] + input[i] * cell[i] }
            if let peepholes { for i in 0..<hidden { unsafe output[i] += peepholes[hidden + i] * c[i] } }
            unsafe settings.clipped(output, hidden)
            unsafe functions[0].apply(output, hidden)
            unsafe h.update(from: c, count: hidden)
            unsafe functions[2].apply(h, hidden)
            for i in 0..<hidden { unsafe h[i] *= output[i] }
        }
    }
}
