package import Tensors

package enum QLinearLeakyRelu: Inferring, Runnable {
    package static let name: Name = "QLinearLeakyRelu"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let alpha = try call.float("alpha", 0.01)
        return try call.mapQuantized { $0 < 0 ? $0 * alpha : $0 }
    }
}
