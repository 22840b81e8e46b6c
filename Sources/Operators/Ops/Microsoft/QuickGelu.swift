package import Tensors

package enum QuickGelu: Inferring, Runnable {
    package static let name: Name = "QuickGelu"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(SigmoidGelu(alpha: call.float("alpha", 1.702))) }
}
