package import Tensors

package enum Shrink: Inferring, Runnable {
    package static let name: Name = "Shrink"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.map(Function(bias: Double(call.float("bias", 0)), lambd: Double(call.float("lambd", 0.5))))
    }

    private struct Function: NumberFunction {
        let bias: Double
        let lambd: Double

        @inline(__always)
        func apply<T: Number>(_ x: T) -> T {
            let value = x.asDouble
            return value < -lambd ? T(nearest: value + bias) : value > lambd ? T(nearest: value - bias) : 0
        }
    }
}
