internal import CKernels
internal import Operators
internal import Tensors

/// DynamicQuantizeLinear: the grid of a value that was just computed, then its codes.
enum DynamicQuantizationLowering: Lowering {
    static let operators = ["DynamicQuantizeLinear"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, item.outputs.count == 3, let codes = item.outputs[0], let scale = item.outputs[1], let zero = item.outputs[2],
            compiler.fact(x).elementType == .float, let dims = compiler.dims(x), !dims.contains(0)
        else { return false }
        let source = try compiler.read(x)
        let targets = try (codes: compiler.makeExact(codes), scale: compiler.makeExact(scale), zero: compiler.makeExact(zero))
        let step = DynamicQuantizationStep(source: source, codes: targets.codes, scale: targets.scale, zero: targets.zero, count: dims.reduce(1, *))
        compiler.emit(step, for: [item.step], reads: [source], writes: [targets.codes, targets.scale, targets.zero])
        return true
    }
}

struct DynamicQuantizationStep: Step {
    let source: BufferID
    let codes: BufferID
    let scale: BufferID
    let zero: BufferID
    let count: Int

    /// Elements of a unit of work.
    private static let block = 8192

    func run(_ run: ProgramRun) throws {
        let units = (count + Self.block - 1) / Self.block, family = thimble_processor()
        let from = unsafe run.floats(source)
        unsafe withUnsafeTemporaryAllocation(of: (low: Float, high: Float).self, capacity: units) { ranges in
            nonisolated(unsafe) let found = ranges.baseAddress!
            unsafe run.share(units) { first, last, _ in
                for unit in first..<last {
                    let start = unit * Self.block
                    unsafe thimble_float_range(family, from + start, min(Self.block, count - start), &found[unit].low, &found[unit].high)
                }
            }
            var low: Float = 0, high: Float = 0
            for unit in 0..<units { unsafe (low, high) = (min(low, found[unit].low), max(high, found[unit].high)) }
            let grid = DynamicQuantizeLinear.grid(low: low, high: high)
            unsafe run.floats(scale)[0] = grid.scale
            unsafe run[zero].storeBytes(of: UInt8(grid.zero), as: UInt8.self)
            let to = unsafe run[codes]
            unsafe run.share(units) { first, last, _ in
                let start = first * Self.block
                unsafe thimble_quantize(family, from + start, min(last * Self.block, count) - start, grid.scale, Int32(grid.zero), THIMBLE_U8, to + start)
            }
        }
    }
}
