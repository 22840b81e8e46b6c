package import Tensors

package enum BitCast: Inferring, Runnable {
    package static let name: Name = "BitCast"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: call.required("to", call.elementType("to"))) }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0), type = try call.required("to", call.elementType("to"))
        guard let bits = type.bitWidth, bits == input.elementType.bitWidth else {
            throw ModelError(.invalidGraph, "\(input.elementType) and \(type) do not have the same width, so that one's bits are no values of the other")
        }
        return [.tensor(Tensor(type, dims: input.dims, bytes: try input.plainBytes()))]
    }
}
