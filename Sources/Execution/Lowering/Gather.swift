internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Gather of elements of any size by indices that come with the run: embeddings.
enum GatherLowering: Lowering {
    static let operators = ["Gather"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.inputs.count >= 2, let data = item.inputs[0], let indices = item.inputs[1], let y = item.outputs.first ?? nil,
            let dims = compiler.dims(data), let places = compiler.dims(indices), let yDims = compiler.dims(y), let type = compiler.fact(data).elementType,
            let size = type.byteCount(elements: 1), type.byteCount(elements: 2) == 2 * size, !dims.contains(0), !yDims.contains(0),
            let indexType = compiler.fact(indices).elementType, indexType == .int64 || indexType == .int32,
            let axis = RowsLowering.axis(item.integer("axis", 0), rank: dims.count)
        else { return false }
        // Floats that were computed are kept as binary32, tables as they are.
        let isComputed = compiler.isFloat(data) && !compiler.isConstant(data)
        let source = isComputed ? try compiler.read(data) : try compiler.readExact(data)
        let chosen = try compiler.readExact(indices)
        let target = isComputed ? try compiler.make(y) : try compiler.makeExact(y)
        let cell = isComputed ? 4 : size, block = cell * dims[(axis + 1)...].reduce(1, *), count = places.reduce(1, *)
        let kernel = KernelBox(
            thimble_gather(
                outer: dims[..<axis].reduce(1, *), dim: dims[axis], count: count, block: block, in_step: dims[axis] * block, out_step: count * block,
                wide: indexType == .int64))
        let step = GatherStep(
            kernel: kernel, data: source, indices: chosen, result: target, dim: dims[axis], count: count, isWide: indexType == .int64, label: item.node.label,
            units: unsafe thimble_gather_units(kernel.pointer))
        compiler.emit(step, for: [item.node], reads: [source, chosen], writes: [target])
        return true
    }
}

struct GatherStep: Step {
    let kernel: KernelBox<thimble_gather>
    let data: BufferID
    let indices: BufferID
    let result: BufferID
    let dim: Int
    let count: Int
    let isWide: Bool
    let label: String
    let units: Int

    func run(_ run: ProgramRun) throws {
        let chosen = unsafe run[indices]
        for place in 0..<count {
            let index = unsafe isWide ? Int(chosen.load(fromByteOffset: 8 * place, as: Int64.self)) : Int(chosen.load(fromByteOffset: 4 * place, as: Int32.self))
            guard index >= -dim, index < dim else {
                throw ModelError(.invalidGraph, "index \(index) of an axis of \(dim), \(-dim) to \(dim - 1) exist").at(label)
            }
        }
        let source = unsafe run[data], target = unsafe run[result]
        unsafe run.share(units) { first, last, _ in unsafe thimble_gather_run(kernel.pointer, source, chosen, target, first, last) }
    }
}
