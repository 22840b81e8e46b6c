package import Tensors

/// Sum of two tensors of 8-bit codes.
package enum QLinearAdd: Inferring, Runnable {
    package static let name: Name = "QLinearAdd"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.broadcast([call.dims(0), call.dims(3)]))] }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.combineQuantized { a, b, result in
            // The order and the fused roundings are ONNX Runtime's, so that ties fall as they do there.
            let ratioA = a.scale / result.scale, ratioB = b.scale / result.scale
            let fixed = result.zero - (ratioA * a.zero + ratioB * b.zero)
            return { x, y in fixed.addingProduct(y, ratioB).addingProduct(x, ratioA) }
        }
    }
}
