package import Tensors

/// Product of two tensors of 8-bit codes.
package enum QLinearMul: Inferring, Runnable {
    package static let name: Name = "QLinearMul"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.broadcast([call.dims(0), call.dims(3)]))] }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.combineQuantized { a, b, result in
            // In ONNX Runtime's order, so that ties fall as they do there.
            let ratio = a.scale * b.scale / result.scale
            return { x, y in (x - a.zero) * (y - b.zero) * ratio + result.zero }
        }
    }
}
