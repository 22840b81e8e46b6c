internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Resize and Upsample of one or two spatial axes, channels last, by the same tables as the general kernel.
enum ResizeLowering: Lowering {
    static let operators = ["Resize", "Upsample"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isFloat(x), compiler.isFloat(y), compiler.hasConstantParameters(item),
            let dims = compiler.dims(x), let result = compiler.dims(y), (3...4).contains(dims.count), !dims.contains(0), !result.contains(0), !compiler.isConstant(x)
        else { return false }
        let call = try compiler.constantCall(item)
        guard let plan = try? item.operatorName == "Resize" ? Resize.plan(call, dims) : Upsample.plan(call, dims), plan.coordinates != "tf_crop_and_resize",
            result == plan.axes.reduce(into: dims, { $0[$1.axis] = $1.size }), plan.changed.allSatisfy({ $0.axis >= 2 }), dims.max() ?? 0 < 1 << 30
        else { return false }
        if plan.changed.isEmpty {
            let layout = compiler.layout(x)
            try compiler.relabel(x, layout, as: y, layout)
            return true
        }
        switch plan.mode {
        case "nearest": return try nearest(item, x, y, dims, result, plan, compiler)
        case "linear", "bilinear": return try sum(item, x, y, dims, result, plan, .linear, call, compiler)
        case "cubic": return try sum(item, x, y, dims, result, plan, .cubic(item.float("cubic_coeff_a", -0.75)), call, compiler)
        default: return false
        }
    }

    /// Height and width of a value of 3 or 4 axes.
    private static func image(_ dims: [Int]) -> (height: Int, width: Int) { dims.count == 4 ? (dims[2], dims[3]) : (1, dims[2]) }

    private static func nearest(
        _ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ result: [Int], _ plan: ResizePlan, _ compiler: Compiler
    ) throws -> Bool {
        func table(_ axis: Int, _ size: Int) throws -> BufferID? {
            let places = try plan.changed.last { $0.axis == axis }?.nearest(plan.coordinates, plan.nearest) ?? Array(0..<size)
            return compiler.constantBuffer(TensorBytes(try NewElements(places.map { Int32($0) }).memory), .int32, [places.count])
        }
        let (from, to) = (image(dims), image(result)), cell = 4 * dims[1]
        guard let rows = try? table(dims.count == 4 ? 2 : 0, to.height), let columns = try? table(dims.count - 1, to.width) else { return false }
        var kernel = unsafe thimble_nearest()
        unsafe (kernel.images, kernel.cell, kernel.out_height, kernel.out_width) = (dims[0], cell, to.height, to.width)
        unsafe kernel.in = .dense(channels: cell, width: from.width, height: from.height)
        unsafe kernel.out = .dense(channels: cell, width: to.width, height: to.height)
        let input = try compiler.read(x, .channelsLast), output = try compiler.make(y, .channelsLast)
        let step = unsafe NearestStep(kernel: KernelBox(unsafe kernel), rows: rows, columns: columns, input: input, result: output)
        compiler.emit(step, for: [item.step], reads: [input, rows, columns], writes: [output])
        return true
    }

    private static func sum(
        _ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ result: [Int], _ plan: ResizePlan, _ filter: ResizeTaps.Filter, _ call: Call, _ compiler: Compiler
    ) throws -> Bool {
        func taps(_ axis: Int, _ size: Int) throws -> ResizeStep.Taps {
            var count = 1, cells = Array(0..<size), weights = [Float](repeating: 1, count: size)
            if let changed = plan.changed.last(where: { $0.axis == axis }) {
                let taps = try ResizeTaps(
                    changed, filter, plan.coordinates, antialias: item.integer("antialias", 0) != 0, excludeOutside: item.integer("exclude_outside", 0) != 0, call)
                (count, cells, weights) = (taps.count, taps.cells, taps.weights)
            }
            return ResizeStep.Taps(
                count: count, cells: compiler.constantBuffer(TensorBytes(try NewElements(cells.map { Int32($0) }).memory), .int32, [cells.count]),
                weights: compiler.constantBuffer(TensorBytes(try NewElements(weights).memory), .float, [weights.count]))
        }
        let (from, to) = (image(dims), image(result))
        guard let rows = try? taps(dims.count == 4 ? 2 : 0, to.height), let columns = try? taps(dims.count - 1, to.width) else { return false }
        var kernel = unsafe thimble_resize()
        unsafe (kernel.family, kernel.images, kernel.channels) = (thimble_processor(), dims[0], dims[1])
        unsafe (kernel.out_height, kernel.out_width) = (to.height, to.width)
        unsafe kernel.in = .dense(channels: dims[1], width: from.width, height: from.height)
        unsafe kernel.out = .dense(channels: dims[1], width: to.width, height: to.height)
        unsafe (kernel.rows.taps, kernel.columns.taps) = (rows.count, columns.count)
        let input = try compiler.read(x, .channelsLast), output = try compiler.make(y, .channelsLast)
        let box = unsafe KernelBox(unsafe kernel), scratch = unsafe thimble_resize_scratch(box.pointer)
        let step = unsafe ResizeStep(kernel: box, rows: rows, columns: columns, input: input, result: output)
        compiler.emit(
            step, for: [item.step], reads: [input, rows.cells, rows.weights, columns.cells, columns.weights], writes: [output], scratch: scratch)
        return true
    }
}

@safe
struct NearestStep: PixelWriter {
    let kernel: KernelBox<thimble_nearest>
    let rows: BufferID
    let columns: BufferID
    let input: BufferID
    var result: BufferID

    func writing(to result: BufferID, pixelStride: Int) -> (step: any Step, scratch: Int)? {
        var changed = unsafe kernel.pointer.pointee
        unsafe changed.out = .dense(channels: 4 * pixelStride, width: changed.out_width, height: changed.out_height)
        return unsafe (NearestStep(kernel: KernelBox(unsafe changed), rows: rows, columns: columns, input: input, result: result), 0)
    }

    func run(_ run: ProgramRun) throws {
        var placed = unsafe kernel.pointer.pointee
        unsafe placed.rows = unsafe UnsafePointer(run[rows].assumingMemoryBound(to: Int32.self))
        unsafe placed.columns = unsafe UnsafePointer(run[columns].assumingMemoryBound(to: Int32.self))
        let source = unsafe run[input], target = unsafe run[result]
        unsafe withUnsafePointer(to: &placed) { placed in
            unsafe run.share(thimble_nearest_units(placed)) { first, last, _ in unsafe thimble_nearest_run(placed, source, target, first, last) }
        }
    }
}

@safe
struct ResizeStep: PixelWriter {
    struct Taps {
        let count: Int
        let cells: BufferID
        let weights: BufferID
    }

    let kernel: KernelBox<thimble_resize>
    let rows: Taps
    let columns: Taps
    let input: BufferID
    var result: BufferID

    func writing(to result: BufferID, pixelStride: Int) -> (step: any Step, scratch: Int)? {
        var changed = unsafe kernel.pointer.pointee
        unsafe changed.out = .dense(channels: pixelStride, width: changed.out_width, height: changed.out_height)
        let box = unsafe KernelBox(unsafe changed), scratch = unsafe thimble_resize_scratch(box.pointer)
        return unsafe (ResizeStep(kernel: box, rows: rows, columns: columns, input: input, result: result), scratch)
    }

    func run(_ run: ProgramRun) throws {
        var placed = unsafe kernel.pointer.pointee
        unsafe placed.rows.indices = unsafe UnsafePointer(run[rows.cells].assumingMemoryBound(to: Int32.self))
        unsafe placed.rows.weights = unsafe UnsafePointer(run.floats(rows.weights))
        unsafe placed.columns.indices = unsafe UnsafePointer(run[columns.cells].assumingMemoryBound(to: Int32.self))
        unsafe placed.columns.weights = unsafe UnsafePointer(run.floats(columns.weights))
        let source = unsafe run.floats(input), target = unsafe run.floats(result)
        unsafe withUnsafePointer(to: &placed) { placed in
            unsafe run.share(thimble_resize_units(placed)) { first, last, scratch in
                unsafe thimble_resize_run(placed, source, target, first, last, scratch)
            }
        }
    }
}
