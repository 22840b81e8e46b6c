internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Rows of a table in codes, an embedding: those that are asked for become numbers, and no others.
enum CodedGather {
    /// Gather along the first axis. False, with nothing emitted, if cells do not suit the kernel.
    static func lower(_ item: Item, _ weights: CodedWeights, _ indices: ValueID, _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        let dims = weights.dims, row = dims.dropFirst().reduce(1, *)
        // Cells along one axis within a row at most, and that the last.
        guard dims.count >= 2, weights.block[1..<(dims.count - 1)].elementsEqual(dims[1..<(dims.count - 1)]), let places = compiler.dims(indices),
            dims.count == 2 || weights.block[dims.count - 1] >= dims[dims.count - 1]
        else { return false }
        let group = dims.count == 2 ? min(weights.block[1], row) : row
        var table = unsafe thimble_codes_table()
        unsafe (table.bits, table.row, table.group, table.rows, table.count) = (UInt32(weights.bits), row, group, dims[0], places.reduce(1, *))
        unsafe table.wide = compiler.fact(indices).elementType == .int64
        let grid = thimble_codes_grid(
            k_step: group < row ? weights.cellSteps[1] : 0, n_step: weights.block[0] >= dims[0] ? 0 : weights.cellSteps[0], columns: weights.block[0])
        unsafe (table.source.scale_grid, table.source.table_grid, table.source.n_step, table.source.is_signed) = (grid, grid, row, weights.isSigned)
        if case .affine = weights.form { unsafe table.kind = THIMBLE_CODES_AFFINE } else { unsafe table.kind = THIMBLE_CODES_TABLES }
        let numbers = try weights.numbers(), zeros = try weights.zeros()
        unsafe table.source.size = weights.codes.count
        let source = try compiler.readExact(indices), target = try compiler.make(y)
        let step = unsafe try CodedGatherStep(
            table: unsafe table, codes: place(weights, compiler), numbers: NewElements(numbers).memory, zeros: zeros.isEmpty ? nil : NewElements(zeros).memory,
            indices: source, target: target, dim: dims[0], label: item.node.label)
        compiler.emit(step, for: [item.step], reads: [source], writes: [target])
        return true
    }

    /// Codes where they lie in the file; those of compressed segments are inflated once, since any row may be next.
    private static func place(_ weights: CodedWeights, _ compiler: Compiler) throws -> TensorBytes {
        if weights.codes.hasAddress { return weights.codes }
        let key = weights.identities.isEmpty ? nil : PackCache.Key(constants: weights.identities, form: [10])
        let packed = try compiler.batch.made(key, byteCount: weights.codes.count) { memory in
            try unsafe weights.forEachPart(axis: 0, multiple: 8) { codes, first, _ in
                let start = first * weights.bits / 8
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start..<start + codes.count]).copyMemory(from: codes)
            }
        }
        return TensorBytes(packed.memory)
    }
}

@safe
struct CodedGatherStep: Step {
    private let table: KernelBox<thimble_codes_table>
    private let codes: TensorBytes
    private let owners: [OwnedMemory]
    private let indices: BufferID
    private let target: BufferID
    private let dim: Int
    private let count: Int
    private let isWide: Bool
    private let label: String

    init(
        table: thimble_codes_table, codes: TensorBytes, numbers: OwnedMemory, zeros: OwnedMemory?, indices: BufferID, target: BufferID, dim: Int, label: String
    ) throws {
        unsafe (count, isWide) = (table.count, table.wide)
        (self.codes, self.indices, self.target, self.dim, self.label) = (codes, indices, target, dim, label)
        unsafe self.table = unsafe KernelBox(unsafe table)
        unsafe self.table.pointer.pointee.source.codes = codes.address?.assumingMemoryBound(to: UInt8.self)
        let first = unsafe numbers.bytes.baseAddress.map { unsafe UnsafePointer($0.assumingMemoryBound(to: Float.self)) }
        unsafe (self.table.pointer.pointee.source.scale, self.table.pointer.pointee.source.table) = (first, first)
        unsafe self.table.pointer.pointee.source.zero = zeros.flatMap { unsafe $0.bytes.baseAddress.map { unsafe UnsafePointer($0.assumingMemoryBound(to: Float.self)) } }
        owners = [numbers] + (zeros.map { [$0] } ?? [])
    }

    func run(_ run: ProgramRun) throws {
        let places = unsafe run[indices], to = unsafe run.floats(target)
        if isWide {
            unsafe try GatherStep.check(places.assumingMemoryBound(to: Int64.self), count: count, dim: dim, label)
        } else {
            unsafe try GatherStep.check(places.assumingMemoryBound(to: Int32.self), count: count, dim: dim, label)
        }
        unsafe run.share(count) { first, last, _ in unsafe thimble_codes_rows(table.pointer, places, to, first, last) }
    }
}
