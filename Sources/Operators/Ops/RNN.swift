package import Tensors

package enum RNN: Checkable, Inferring, Runnable {
    package static let name: Name = "RNN"

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
        static var gates: Int { 1 }
        static var firstProduct: Int { 1 }
        static var hasCellState: Bool { false }
        static var functions: [String] { ["Tanh"] }

        let hidden: Int
        let recurrence: UnsafePointer<T>
        let bias: [T]
        let peepholes: [T]?
        let functions: [RecurrentFunction<T>]
        let settings: RecurrentSettings<T>

        func addBias(_ gates: UnsafeMutablePointer<T>) {
            for i in 0..<hidden { unsafe gates[i] += bias[i] + bias[hidden + i] }
        }

        func step(
            _ x: UnsafeMutablePointer<T>, _ r: UnsafeMutablePointer<T>, _ spare: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<T>,
            _ c: UnsafeMutablePointer<T>
        ) {
            for i in 0..<hidden { unsafe h[i] = unsafe x[i] + r[i] }
            unsafe settings.clipped(h, hidden)
            unsafe functions[0].apply(h, hidden)
        }
    }
}
