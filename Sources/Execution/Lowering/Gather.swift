internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Gather: a part or a move for one constant index, else blocks at the places of a table.
enum GatherLowering: Lowering {
    static let operators = ["Gather"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.inputs.count == 2, let x = item.inputs[0], let indices = item.inputs[1], let y = item.outputs.first ?? nil, compiler.isMovable(x),
            let dims = compiler.dims(x), let places = compiler.dims(indices), let result = compiler.dims(y), !result.contains(0)
        else { return false }
        let stated = item.integer("axis", 0), axis = stated < 0 ? stated + dims.count : stated
        guard dims.indices.contains(axis), result == dims[..<axis] + places + dims[(axis + 1)...] else { return false }
        let type = compiler.fact(indices).elementType
        guard type == .int64 || type == .int32 else { return false }
        // What is not plain bytes is for kernels that decode what they take only.
        if axis == 0, compiler.isConstant(x), !compiler.isConstant(indices), let weights = compiler.unfolding.coded(x) {
            if try CodedGather.lower(item, weights, indices, y, compiler) { return true }
        }
        // A table of the model is read where it lies in the file, at whatever address.
        let inFile = try compiler.unfolding.bytesInFile(x)
        if inFile == nil, compiler.isConstant(x) { guard case .plain = try compiler.unfolding.tensor(x).encoding else { return false } }
        if compiler.isConstant(indices) {
            let numbers = try compiler.constantCall(item).ints(1) ?? []
            guard numbers.allSatisfy({ (-dims[axis]..<dims[axis]).contains($0) }) else { return false }
            if numbers.count == 1, try takeOne(item, x, y, dims, axis, numbers[0] < 0 ? numbers[0] + dims[axis] : numbers[0], compiler) { return true }
        }
        let isExact = compiler.movesExactly(x), cell = isExact ? (compiler.fact(x).elementType?.bitWidth ?? 8) / 8 : 4
        let source = if let inFile, let type = compiler.fact(x).elementType {
            compiler.constantBuffer(inFile, type, dims)
        } else {
            isExact ? try compiler.readExact(x) : try compiler.read(x)
        }
        let table = try compiler.readExact(indices)
        let target = isExact ? try compiler.makeExact(y) : try compiler.make(y)
        let block = dims[(axis + 1)...].reduce(cell, *), outer = dims[..<axis].reduce(1, *), count = places.reduce(1, *)
        let gather = thimble_gather(
            outer: outer, dim: dims[axis], count: count, block: block, in_step: dims[axis] * block, out_step: count * block, wide: type == .int64)
        let step = GatherStep(kernel: KernelBox(gather), source: source, indices: table, target: target, dim: dims[axis], count: count, label: item.node.label)
        compiler.emit(step, for: [item.step], reads: [source, table], writes: [target])
        return true
    }

    private static func takeOne(_ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ axis: Int, _ index: Int, _ compiler: Compiler) throws -> Bool {
        guard !compiler.isConstant(x) else { return false }
        var from = try compiler.cells(x, .plain)
        from.offset = index * from.steps[axis]
        guard dims[..<axis].contains(where: { $0 != 1 }) else {
            try compiler.relabel(x, .plain, offset: from.offset, as: y, .plain)
            return true
        }
        var box = dims
        box[axis] = 1
        var to = try compiler.newCells(y, like: x, .plain)
        to.steps = denseStrides(box).map { $0 * to.cell }
        guard let part = compiler.part(box, from: from, to: to) else { throw ModelError(.internalFault, "a value has more axes than were inferred") }
        compiler.emit([part], to: to.buffer, for: item)
        return true
    }
}

struct GatherStep: Step {
    let kernel: KernelBox<thimble_gather>
    let source: BufferID
    let indices: BufferID
    let target: BufferID
    let dim: Int
    let count: Int
    let label: String

    func run(_ run: ProgramRun) throws {
        let table = unsafe run[indices]
        if unsafe kernel.pointer.pointee.wide {
            unsafe try Self.check(table.assumingMemoryBound(to: Int64.self), count: count, dim: dim, label)
        } else {
            unsafe try Self.check(table.assumingMemoryBound(to: Int32.self), count: count, dim: dim, label)
        }
        let from = unsafe run[source], to = unsafe run[target]
        unsafe run.share(thimble_gather_units(kernel.pointer)) { first, last, _ in unsafe thimble_gather_run(kernel.pointer, from, table, to, first, last) }
    }

    static func check<T: FixedWidthInteger & SignedInteger>(_ table: UnsafePointer<T>, count: Int, dim: Int, _ label: String) throws {
        for place in 0..<count {
            let index = unsafe Int(table[place])
            guard index >= -dim, index < dim else { throw ModelError(.invalidGraph, "index \(index) of an axis of \(dim); \(-dim) to \(dim - 1) exist", at: [label]) }
        }
    }
}

extension Compiler {
    /// A value's cells along one axis of its memory at the places of a table that is known; `dims` as they lie in memory.
    func emitGather(from source: BufferID, _ dims: [Int], axis: Int, at places: [Int], cell: Int, to target: BufferID, for item: Item) throws {
        let table = constantBuffer(TensorBytes(try NewElements(places.map { Int32($0) }).memory), .int32, [places.count])
        let block = dims[(axis + 1)...].reduce(cell, *)
        let gather = thimble_gather(
            outer: dims[..<axis].reduce(1, *), dim: dims[axis], count: places.count, block: block, in_step: dims[axis] * block,
            out_step: places.count * block, wide: false)
        let step = GatherStep(kernel: KernelBox(gather), source: source, indices: table, target: target, dim: dims[axis], count: places.count, label: item.node.label)
        emit(step, for: [item.step], reads: [source, table], writes: [target])
    }
}
