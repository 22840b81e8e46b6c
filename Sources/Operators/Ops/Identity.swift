package import Tensors

package enum Identity: Inferring, Runnable {
    package static let name: Name = "Identity"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [try call.fact(0)] }

    package static func run(_ call: Call) throws -> [Value?] {
        [try call.value(0)]
    }
}
