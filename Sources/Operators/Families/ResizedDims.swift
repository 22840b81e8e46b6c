internal import Tensors

extension InferenceCall {
    /// The numbers of a FLOAT input if they are known and few; empty if it is left out.
    func knownFloats(_ index: Int) throws -> [Float]? {
        guard let fact = try optionalTensor(index) else { return [] }
        if fact.elementCount == 0 { return [] }
        guard let constant = fact.constant, let count = constant.elementCount, count <= Fact.integerLimit else { return nil }
        return try Array(constant.floats("input \(index)"))
    }

    /// Dims of input 0 times `scales`, one per axis of `axes`, rounded down; nil: not known, but the rank is.
    func scaled(_ scales: [Float]?, axes: [Int]? = nil) throws -> [Dim]? {
        guard var dims = try dims(0) else { return scales.map { $0.map { _ in .unknown } } }
        let axes: [Int] = axes ?? Array(dims.indices)
        guard let scales else {
            for axis in axes { dims[axis] = Dim.unknown }
            return dims
        }
        guard scales.count == axes.count else { throw ModelError(.invalidGraph, "there are \(scales.count) scales for \(axes.count) axes of \(dims.text)") }
        for (axis, scale) in zip(axes, scales as [Float]) {
            guard scale > 0, scale.isFinite else { throw ModelError(.invalidGraph, "axis \(axis) is scaled by \(scale), more than 0 is needed") }
            dims[axis] = Self.size(dims[axis], times: scale)
        }
        return dims
    }

    /// As `ResizedAxis` counts: in binary32. Of symbols only whole factors and their reciprocals are sure.
    private static func size(_ dim: Dim, times scale: Float) -> Dim {
        if case .value(let value) = dim { return .value(Double(scale * Float(value)).saturated) }
        if scale >= 1, scale < 0x1p20, scale == scale.rounded() { return dim * Int(scale) }
        // A power of two divides exactly.
        if scale < 1, scale.significand == 1, scale > 0x1p-20 { return dim.floorDiv(Int(1 / scale)) }
        return .unknown
    }
}
