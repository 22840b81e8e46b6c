package import Tensors

package enum ScatterElements: Inferring, Runnable {
    package static let name: Name = "ScatterElements"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1), updates = try call.tensor(2)
        guard updates.dims == indices.dims else {
            throw ModelError(.invalidGraph, "updates of dims \(updates.dims) with indices of \(indices.dims): one each is needed")
        }
        let axis = try call.axis(call.int("axis", 0), rank: data.dims.count)
        let offsets = try GatherElements.elementOffsets(indices, axis: axis, of: data)
        return [.tensor(try data.scattering(updates, to: offsets, block: 1, Reduction(call), call))]
    }
}
