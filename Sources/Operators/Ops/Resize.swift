package import Tensors

package enum Resize: Inferring, Runnable {
    package static let name: Name = "Resize"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        if call.opset < 11 { return [Fact(data.elementType, try call.scaled(call.knownFloats(1)))] }
        guard var dims = data.dims else { return [Fact(data.elementType)] }
        let axes = try call.axes(call.ints("axes") ?? Array(dims.indices), rank: dims.count)
        let scales = try call.hasInput(2) ? call.knownFloats(2) : []
        guard let scales, scales.isEmpty else { return [Fact(data.elementType, try call.scaled(scales, axes: axes))] }
        let sizes = try call.integers(3)
        if let sizes, sizes.count != axes.count { throw ModelError(.invalidGraph, "there are neither scales nor sizes for \(axes.count) axes") }
        let isStretched = try call.string("keep_aspect_ratio_policy", "stretch") == "stretch"
        if !isStretched, let sizes = sizes?.numbers, let fixed = data.fixedDims {
            for (axis, size) in zip(axes, try Self.sizes(call, fixed, axes, sizes)) { dims[axis] = .value(size) }
        } else {
            for (index, axis) in axes.enumerated() { dims[axis] = isStretched ? sizes?[index].ifSize ?? .unknown : .unknown }
        }
        return [Fact(data.elementType, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let isOld = call.opset < 11
        let axes = try isOld ? scaled(call, data, try floats(call, 1), named: "scales") : axes(call, data)
        let plan = ResizePlan(
            coordinates: isOld ? "asymmetric" : try call.string("coordinate_transformation_mode", "half_pixel"),
            nearest: isOld ? "simple" : try call.string("nearest_mode", "round_prefer_floor"),
            mode: try call.string("mode", "nearest"), axes: axes)
        return [.tensor(try plan.run(call, data))]
    }

    static func floats(_ call: Call, _ index: Int) throws -> [Float] {
        try call.optionalTensor(index).map { try Array($0.floats("input \(index)")) } ?? []
    }

    /// All axes, each with its scale.
    static func scaled(_ call: Call, _ data: Tensor, _ scales: [Float], named name: String) throws -> [ResizedAxis] {
        guard scales.count == data.dims.count else {
            throw ModelError(.invalidGraph, "there are \(scales.count) \(name), one for each axis of \(data.dims) is needed")
        }
        return try scales.enumerated().map { axis, scale in try resized(data, axis, scale, region: (0, 1)) }
    }

    private static func resized(_ data: Tensor, _ axis: Int, _ scale: Float, region: (Float, Float)) throws -> ResizedAxis {
        guard scale > 0, scale.isFinite else { throw ModelError(.invalidGraph, "axis \(axis) is scaled by \(scale), more than 0 is needed") }
        let size = Double(scale * Float(data.dims[axis])).saturated
        return ResizedAxis(axis: axis, input: data.dims[axis], size: size, scale: scale, region: region)
    }

    private static func axes(_ call: Call, _ data: Tensor) throws -> [ResizedAxis] {
        let rank = data.dims.count
        let axes = try call.axes(call.ints("axes") ?? Array(0..<rank), rank: rank)
        let roi = try floats(call, 1)
        guard roi.isEmpty || roi.count == 2 * axes.count else {
            throw ModelError(.invalidGraph, "roi has \(roi.count) numbers, two for each of \(axes.count) axes are needed")
        }
        func region(_ index: Int) -> (Float, Float) { roi.isEmpty ? (0, 1) : (roi[index], roi[axes.count + index]) }
        let scales = try floats(call, 2)
        if !scales.isEmpty {
            guard scales.count == axes.count else { throw ModelError(.invalidGraph, "there are \(scales.count) scales for \(axes.count) axes") }
            return try axes.enumerated().map { index, axis in try resized(data, axis, scales[index], region: region(index)) }
        }
        guard let sizes = try call.ints(3), sizes.count == axes.count, sizes.allSatisfy({ $0 >= 0 && $0 <= 1 << 48 }) else {
            throw ModelError(.invalidGraph, "there are neither scales nor sizes for \(axes.count) axes")
        }
        let common = try common(call, data.dims, axes, sizes)
        return try zip(axes, Self.sizes(call, data.dims, axes, sizes)).enumerated().map { index, part in
            let (axis, size) = part, input = data.dims[axis]
            return ResizedAxis(axis: axis, input: input, size: size, scale: common ?? Float(sizes[index]) / Float(input), region: region(index))
        }
    }

    /// How many times longer all axes become, if that is to be the same for all.
    private static func common(_ call: some AttributeReader, _ dims: [Int], _ axes: [Int], _ sizes: [Int]) throws -> Float? {
        let ratios = zip(axes, sizes).map { Float($1) / Float(dims[$0]) }
        let policy = try call.string("keep_aspect_ratio_policy", "stretch")
        switch policy {
        case "stretch": return nil
        case "not_larger": return ratios.min()
        case "not_smaller": return ratios.max()
        default: throw ModelError(.invalidGraph, "keep_aspect_ratio_policy '\(printable(policy))' is not one of ONNX's")
        }
    }

    /// What the axes become where `sizes` are asked for.
    private static func sizes(_ call: some AttributeReader, _ dims: [Int], _ axes: [Int], _ sizes: [Int]) throws -> [Int] {
        guard let common = try common(call, dims, axes, sizes) else { return sizes }
        return axes.map { Double(common * Float(dims[$0]) + 0.5).saturated }
    }
}

/// What Resize and Upsample are to do, whatever their version.
struct ResizePlan {
    let coordinates: String
    let nearest: String
    let mode: String
    let axes: [ResizedAxis]

    func run(_ call: Call, _ data: Tensor) throws -> Tensor {
        var dims = data.dims
        for axis in axes { dims[axis.axis] = axis.size }
        let count = try checkedCount(dims)
        let isCrop = coordinates == "tf_crop_and_resize"
        let changed = axes.filter { $0.size != $0.input || $0.scale != 1 || (isCrop && $0.region != (0, 1)) }
        if changed.isEmpty { return data }
        guard count > 0, data.elementCount != 0 else {
            guard count == 0 else { throw ModelError(.invalidGraph, "cannot resize \(data.dims), which has no elements, to \(dims)") }
            return try CellMover.view(call, data, dims, Stepping(steps: [Int](repeating: 0, count: dims.count)))
        }
        // Tables per axis.
        for axis in changed { try call.environment.checkAllocation(64 * axis.size) }
        let result: Tensor
        switch mode {
        case "nearest":
            result = try changed.reduce(data) { try $0.taking($1.nearest(coordinates, nearest), axis: $1.axis, dims: [$1.size], call) }
        case "linear", "bilinear": result = try interpolated(call, data, changed, dims, .linear)
        case "cubic": result = try interpolated(call, data, changed, dims, .cubic(call.float("cubic_coeff_a", -0.75)))
        default: throw ModelError(.invalidGraph, "mode '\(printable(mode))' is not nearest, linear or cubic")
        }
        return isCrop ? try extrapolated(call, result) : result
    }

    private func interpolated(_ call: Call, _ data: Tensor, _ axes: [ResizedAxis], _ dims: [Int], _ filter: ResizeTaps.Filter) throws -> Tensor {
        let antialias = try call.bool("antialias"), exclude = try call.bool("exclude_outside")
        let taps = try axes.map { axis in
            (axis, try ResizeTaps(axis, filter, coordinates, antialias: antialias, excludeOutside: exclude, call))
        }
        let kernel = Interpolation(dims: data.dims, axes: taps)
        if data.elementType.isFloat { return try data.computing(kernel, dims, call) }
        try call.environment.checkAllocation(8 * checkedCount(dims))
        guard antialias else {
            // In binary32, then cut, as ONNX Runtime has it.
            let result = try kernel.run(NewElements(data.wholeNumbers("input 0").map { Float($0) }).finished)
            let wide = try NewElements(result.finished.map { Double($0) })
            return try .whole(wide, .towardZero, data.elementType, dims)
        }
        // As Pillow does: the last axis first, and whole numbers between the axes.
        return try taps.reversed().reduce(data) { old, tap in
            let wide = try Interpolation(dims: old.dims, axes: [tap]).run(NewElements(old.wholeNumbers("input 0").map { Double($0) }).finished)
            return try .whole(wide, .toNearestOrAwayFromZero, data.elementType, old.dims.replacing(tap.0.axis, with: tap.0.size))
        }
    }

    /// The attribute's value wherever a cell outside the input was asked for.
    private func extrapolated(_ call: Call, _ data: Tensor) throws -> Tensor {
        let value = try call.float("extrapolation_value", 0)
        let number = try data.elementType.isFloat
            ? Tensor.rounding(NewElements([value]), to: data.elementType, [])
            : .whole(NewElements([Double(value)]), .towardZero, data.elementType, [])
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), cell = try mover.cells(number), result = try mover.newCells(data.dims)
        let strides = denseStrides(data.dims), none = [Int](repeating: 0, count: data.dims.count)
        result.copy(data.dims, from: source, Stepping(steps: strides), to: Stepping(steps: strides))
        for axis in axes {
            for index in try axis.outside(coordinates) {
                let box = data.dims.replacing(axis.axis, with: 1)
                result.copy(box, from: cell, Stepping(steps: none), to: Stepping(offset: index * strides[axis.axis], steps: strides))
            }
        }
        return try mover.tensor(result)
    }
}

extension Tensor {
    /// Numbers rounded to whole ones, clamped to what the type holds.
    static func whole(_ values: NewElements<Double>, _ rule: FloatingPointRoundingRule, _ type: ElementType, _ dims: [Int]) throws -> Tensor {
        func make<T: Element & FixedWidthInteger>(_ kind: T.Type) throws -> Tensor {
            let result = try NewElements<T>(values.count)
            for index in 0..<values.count {
                let value = values[index].rounded(rule)
                result[index] = value.isNaN ? 0 : T(exactly: value) ?? (value < 0 ? .min : .max)
            }
            return result.tensor(type, dims)
        }
        switch type {
        case .int8: return try make(Int8.self)
        case .uint8, .bool: return try make(UInt8.self)
        case .int16: return try make(Int16.self)
        case .uint16: return try make(UInt16.self)
        case .int32: return try make(Int32.self)
        case .uint32: return try make(UInt32.self)
        case .int64: return try make(Int64.self)
        case .uint64: return try make(UInt64.self)
        default: throw ModelError(.unsupported, "\(type) does not hold whole numbers")
        }
    }
}
