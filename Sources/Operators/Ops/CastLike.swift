package import Tensors

package enum CastLike: Inferring, Runnable {
    package static let name: Name = "CastLike"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let input = try call.tensor(0), type = try call.type(1)
        return [input.cast(to: type)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try call.casting(to: call.tensor(1).elementType).cast(call.tensor(0)))]
    }
}
