package import Tensors

package enum SwiGLU: Inferring, Runnable {
    package static let name: Name = "SwiGLU"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.commonType(0..<2), try call.same([call.dims(0), call.dims(1)], "the inputs must have equal dims"))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let operands = try call.operands()
        guard operands.a.dims == operands.b.dims else {
            throw ModelError(.invalidGraph, "the inputs have dims \(operands.a.dims) and \(operands.b.dims), equal dims are needed")
        }
        return [.tensor(try operands.a.elementType.withReals(Gating(operands: operands, alpha: call.float("alpha", 1))))]
    }

    private struct Gating: RealWork {
        let operands: Operands
        let alpha: Float

        func run<T: Real>(_ type: T.Type) throws -> Tensor {
            let gate = try T.elements(of: operands.a), value = try T.elements(of: operands.b), alpha = T(alpha)
            let result = try operands.combine(gate, value) { a, b in a * .sigmoid(alpha * a) * b }
            return try T.tensor(result, operands.a.elementType, operands.broadcast.dims)
        }
    }
}
