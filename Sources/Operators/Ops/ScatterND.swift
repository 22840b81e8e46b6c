package import Tensors

package enum ScatterND: Inferring, Runnable {
    package static let name: Name = "ScatterND"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1), updates = try call.tensor(2)
        let tuples = try IndexTuples(indices, of: data, call)
        let needed = Array(indices.dims.dropLast()) + Array(data.dims[tuples.length...])
        guard updates.dims == needed else {
            throw ModelError(.invalidGraph, "updates of dims \(updates.dims), \(needed) are needed for indices of \(indices.dims) into \(data.dims)")
        }
        return [.tensor(try data.scattering(updates, to: tuples.offsets, block: tuples.block, Reduction(call), call))]
    }
}
