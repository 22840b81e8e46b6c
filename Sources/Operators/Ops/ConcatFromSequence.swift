package import Tensors

package enum ConcatFromSequence: Inferring, Runnable {
    package static let name: Name = "ConcatFromSequence"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let element = try call.element(0), given = try call.required("axis", call.int("axis"))
        guard var dims = element.dims else { return [Fact(element.elementType)] }
        if try call.bool("new_axis") {
            dims.insert(.unknown, at: try call.axis(given, rank: dims.count + 1))
        } else {
            dims[try call.axis(given, rank: dims.count)] = .unknown
        }
        return [Fact(element.elementType, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        var tensors = try call.sequence(0).map { value in
            guard let tensor = value.tensor else { throw ModelError(.invalidGraph, "the sequence holds \(value.summary), tensors are needed") }
            return tensor
        }
        var axis = try call.required("axis", call.int("axis"))
        if try call.bool("new_axis"), let first = tensors.first {
            axis = try call.axis(axis, rank: first.dims.count + 1)
            let place = axis
            tensors = try tensors.map { tensor in
                guard tensor.dims == first.dims else { throw ModelError(.invalidGraph, "cannot stack \(first.dims) and \(tensor.dims)") }
                var dims = tensor.dims
                dims.insert(1, at: place)
                return tensor.reshaped(dims)
            }
        }
        return [.tensor(try tensors.joined(call, axis: axis))]
    }
}
