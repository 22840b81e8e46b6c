package import Tensors

/// Lines of zeros stay zero.
package enum LpNormalization: Inferring, Runnable {
    package static let name: Name = "LpNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0), order = try call.int("p", 2)
        guard order == 1 || order == 2 else { throw ModelError(.invalidGraph, "attribute 'p' is \(order), 1 or 2 is needed") }
        let lines = AxisLines(input.dims, axis: try call.axis(call.int("axis", -1), rank: input.dims.count))
        return [.tensor(try input.elementType.withReals(Normalizing(input: input, lines: lines, isSquare: order == 2)))]
    }

    private struct Normalizing: RealWork {
        let input: Tensor
        let lines: AxisLines
        let isSquare: Bool

        func run<T: Real>(_ type: T.Type) throws -> Tensor {
            let source = try T.elements(of: input), result = try NewElements<T>(source.count)
            lines.forEach { start in
                var sum = 0.0
                for index in 0..<lines.length {
                    let value = Double(source[start + index * lines.inner])
                    sum += isSquare ? value * value : value.magnitude
                }
                let norm = T(isSquare ? sum.squareRoot() : sum)
                for index in 0..<lines.length {
                    let at = start + index * lines.inner
                    result[at] = norm == 0 ? 0 : source[at] / norm
                }
            }
            return try T.tensor(result, input.elementType, input.dims)
        }
    }
}
