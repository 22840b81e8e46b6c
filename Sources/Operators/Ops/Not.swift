package import Tensors

package enum Not: Inferring, Runnable {
    package static let name: Name = "Not"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let input = try call.tensor(0)
        return [Fact(.bool, input.dims, integers: input.integers?.map { 1 - $0 })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        guard input.elementType == .bool else { throw ModelError(.invalidGraph, "the input is \(input.elementType), BOOL is needed") }
        let source = try input.elements(as: UInt8.self), result = try NewElements<UInt8>(source.count)
        fill(result, from: source) { $0 == 0 ? 1 : 0 }
        return [.tensor(result.tensor(.bool, input.dims))]
    }
}
