package import Tensors

package enum MicrosoftGelu: Inferring, Runnable {
    package static let name: Name = "Gelu"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(ExactGelu()) }
}
