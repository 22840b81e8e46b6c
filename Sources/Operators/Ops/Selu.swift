package import Tensors

package enum Selu: Inferring, Runnable {
    package static let name: Name = "Selu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let isOld = call.opset < 6  // which had fewer digits
        return try call.mapReals(Function(alpha: call.float("alpha", isOld ? 1.6732 : 1.67326319), gamma: call.float("gamma", isOld ? 1.0507 : 1.05070102)))
    }

    private struct Function: RealFunction {
        let alpha: Float
        let gamma: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            T(gamma) * (x > 0 ? x : T(alpha) * .exponentialMinusOne(x))
        }
    }
}
