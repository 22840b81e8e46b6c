package import Tensors

/// The largest element is taken out first, so that nothing overflows.
package enum ReduceLogSumExp: Inferring, Runnable {
    package static let name: Name = "ReduceLogSumExp"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced() }

    package static func run(_ call: Call) throws -> [Value?] {
        let (input, shape) = try call.reduction()
        return [.tensor(try input.elementType.withNumbers(LogSumExp(input: input, shape: shape)))]
    }

    private struct LogSumExp: NumberWork {
        let input: Tensor
        let shape: ReductionShape

        func run<T: Number>(_ type: T.Type) throws -> Tensor {
            let source = try T.elements(of: input)
            let largest = try reduced(source, Largest.self, shape) { $0.asDouble }
            let sums = try NewElements<Double>(shape.resultCount, filledWith: 0)
            let length = shape.sizes[shape.sizes.count - 1], step = shape.isReduced[shape.sizes.count - 1] ? 0 : 1
            shape.forEachRow { offset, at in
                for index in 0..<length {
                    let result = at + index * step, top = largest[result]
                    sums[result] += .exponential(source[offset + index].asDouble - (top.isInfinite ? 0 : top))
                }
            }
            let result = try NewElements<T>(sums.count)
            for index in 0..<sums.count {
                let top = largest[index]
                result[index] = T(nearest: .logarithm(sums[index]) + (top.isInfinite ? 0 : top))
            }
            return try T.tensor(result, input.elementType, shape.dims)
        }
    }

    private enum Largest: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { .lowest }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { b > a || b.isNotANumber ? b : a }
    }
}
