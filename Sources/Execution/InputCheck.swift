internal import ModelGraph
internal import Tensors

extension Plan.Input {
    /// Throws unless `value` is what the model declares for this input.
    func check(_ value: Value) throws {
        guard let type = info.type else { return }
        try value.check(type)
    }
}

extension Value {
    fileprivate func check(_ type: ValueType) throws {
        switch (self, type.kind) {
        case (.tensor(let tensor), .tensor(let element, let shape)):
            if let element, element != .undefined, element != tensor.elementType {
                throw ModelError(.badArgument, "is \(tensor.elementType)\(tensor.dims), the model takes \(type)")
            }
            if let shape { try tensor.check(shape) }
        case (.sequence(let values), .sequence(let inner)):
            guard let inner else { return }
            for (index, value) in values.enumerated() { try within("element \(index)") { try value.check(inner) } }
        case (.optional(let value), .optional(let inner)):
            if let value, let inner { try value.check(inner) }
        // What is there may be given as it is.
        case (_, .optional(let inner)): if let inner { try check(inner) }
        case (.map, .map), (_, .none), (_, .raw), (_, .opaque): break
        default: throw ModelError(.badArgument, "is \(summary), the model takes \(type)")
        }
    }
}

extension Tensor {
    /// Sizes below 1 stand for unknown ones: exporters write them so.
    fileprivate func check(_ shape: Shape) throws {
        guard dims.count == shape.rank else {
            throw ModelError(.badArgument, "has dims \(dims), the model takes \(shape): \(shape.rank) of them")
        }
        for (axis, dim) in shape.dims.enumerated() {
            guard case .value(let size) = dim.size, size > 0, Int(exactly: size) != dims[axis] else { continue }
            throw ModelError(.badArgument, "has dims \(dims), the model takes \(shape): axis \(axis) is \(dims[axis]), \(size) is needed")
        }
    }
}
