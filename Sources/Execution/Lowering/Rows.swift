internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Operators that work along one run of axes: softmax, reductions, places of extremes, norms, cumulated sums.
enum RowsLowering: Lowering {
    static let operators = [
        "Softmax", "LogSoftmax", "ArgMax", "ArgMin", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
        "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
    ]

    private static func reduction(_ name: String) -> thimble_rows_op? {
        switch name {
        case "ReduceSum": THIMBLE_ROWS_SUM
        case "ReduceMean": THIMBLE_ROWS_MEAN
        case "ReduceProd": THIMBLE_ROWS_PRODUCT
        case "ReduceMax": THIMBLE_ROWS_MAX
        case "ReduceMin": THIMBLE_ROWS_MIN
        case "ReduceL1": THIMBLE_ROWS_L1
        case "ReduceL2": THIMBLE_ROWS_L2
        case "ReduceSumSquare": THIMBLE_ROWS_SUM_SQUARE
        case "ReduceLogSum": THIMBLE_ROWS_LOG_SUM
        case "ReduceLogSumExp": THIMBLE_ROWS_LOG_SUM_EXP
        default: nil
        }
    }

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isFloat(x), !compiler.isConstant(x),
            let dims = compiler.dims(x), let yDims = compiler.dims(y), !dims.isEmpty, !dims.contains(0), !yDims.contains(0)
        else { return false }
        switch item.operatorName {
        case "Softmax", "LogSoftmax": return try softmax(item, x, y, dims, compiler)
        case "ArgMax", "ArgMin": return try extreme(item, x, y, dims, compiler)
        default:
            guard let op = reduction(item.operatorName), compiler.isFloat(y), let axes = try reducedAxes(item, rank: dims.count, compiler) else { return false }
            return try reduce(op, item, x, y, dims, yDims, axes, compiler)
        }
    }

    private static func softmax(_ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ compiler: Compiler) throws -> Bool {
        guard compiler.dims(y) == dims, compiler.isFloat(y), let axis = axis(item.integer("axis", item.opset < 13 ? 1 : -1), rank: dims.count, end: item.opset < 13)
        else { return false }
        // Before opset 13 all axes from that one on are one.
        let end = item.opset < 13 ? dims.count : axis + 1
        let layout = item.opset < 13 ? .plain : compiler.layout(x)
        let range = layout == .channelsLast ? memoryRange(axis, rank: dims.count) : axis..<end
        let physical = layout.physical(dims)
        let op = item.operatorName == "Softmax" ? THIMBLE_ROWS_SOFTMAX : THIMBLE_ROWS_LOG_SOFTMAX
        let input = try compiler.read(x, layout), output = try compiler.make(y, layout)
        emit(op, item, physical, range, input, output, compiler)
        return true
    }

    private static func extreme(_ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ compiler: Compiler) throws -> Bool {
        guard compiler.fact(y).elementType == .int64, let axis = axis(item.integer("axis", 0), rank: dims.count) else { return false }
        let op = item.operatorName == "ArgMax" ? THIMBLE_ROWS_ARG_MAX : THIMBLE_ROWS_ARG_MIN
        let input = try compiler.read(x), output = try compiler.makeExact(y)
        emit(op, item, dims, axis..<axis + 1, input, output, compiler, last: item.integer("select_last_index", 0) != 0)
        return true
    }

    private static func reduce(
        _ op: thimble_rows_op, _ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ yDims: [Int], _ axes: Set<Int>, _ compiler: Compiler
    ) throws -> Bool {
        var layout = compiler.layout(x)
        let keeps = item.integer("keepdims", 1) != 0
        var order = layout == .plain || dims.count < 3 ? Array(dims.indices) : [0] + Array(2..<dims.count) + [1]
        // What is kept must come in ONNX's order where its axes lose their places.
        let kept = order.filter { !axes.contains($0) && dims[$0] > 1 }
        if !keeps, kept != kept.sorted() { (layout, order) = (.plain, Array(dims.indices)) }
        guard let range = run(of: axes, order, dims) else { return false }
        let input = try compiler.read(x, layout)
        let output = try compiler.make(y, keeps ? layout : .plain)
        emit(op, item, order.map { dims[$0] }, range, input, output, compiler)
        return true
    }

    /// The places in memory that the axes take, axes of 1 left aside; nil if they do not lie together.
    private static func run(of axes: Set<Int>, _ order: [Int], _ dims: [Int]) -> Range<Int>? {
        let places = order.indices.filter { axes.contains(order[$0]) && dims[order[$0]] > 1 }
        guard let first = places.first, let last = places.last else {
            // Nothing to add up: each element is a row of its own.
            return dims.count..<dims.count
        }
        return (first...last).allSatisfy { axes.contains(order[$0]) || dims[order[$0]] == 1 } ? first..<last + 1 : nil
    }

    /// Nil if they are not known, or there are none and the node then does nothing.
    private static func reducedAxes(_ item: Item, rank: Int, _ compiler: Compiler) throws -> Set<Int>? {
        var given = item.integers("axes")
        if item.inputs.count > 1, let id = item.inputs[1] {
            guard compiler.isConstant(id) else { return nil }
            given = try compiler.unfolding.tensor(id).integers("the axes")
        }
        guard let given, !given.isEmpty else { return item.integer("noop_with_empty_axes", 0) == 0 ? Set(0..<rank) : nil }
        let axes = given.compactMap { axis($0, rank: rank) }
        return axes.count == given.count ? Set(axes) : nil
    }

    static func axis(_ given: Int, rank: Int, end: Bool = false) -> Int? {
        guard given >= -rank, given < rank + (end ? 1 : 0) else { return nil }
        return given < 0 ? given + rank : given
    }

    private static func memoryRange(_ axis: Int, rank: Int) -> Range<Int> {
        let place = axis == 0 || rank < 3 ? axis : axis == 1 ? rank - 1 : axis - 1
        return place..<place + 1
    }

    private static func emit(
        _ op: thimble_rows_op, _ item: Item, _ dims: [Int], _ range: Range<Int>, _ input: BufferID, _ output: BufferID, _ compiler: Compiler, last: Bool = false
    ) {
        var kernel = thimble_rows()
        kernel.family = thimble_processor()
        kernel.op = UInt8(op.rawValue)
        kernel.outer = dims[..<range.lowerBound].reduce(1, *)
        kernel.axis = dims[range].reduce(1, *)
        kernel.inner = dims[range.upperBound...].reduce(1, *)
        kernel.last = last
        let box = KernelBox(kernel)
        compiler.emit(
            RowsStep(kernel: box, input: input, output: output, units: unsafe thimble_rows_units(box.pointer)), for: [item.step], reads: [input], writes: [output])
    }
}

struct RowsStep: Step {
    let kernel: KernelBox<thimble_rows>
    let input: BufferID
    let output: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let x = unsafe run.floats(input), y = unsafe run[output]
        unsafe run.share(units) { first, last, _ in unsafe thimble_rows_run(kernel.pointer, x, y, first, last) }
    }
}
