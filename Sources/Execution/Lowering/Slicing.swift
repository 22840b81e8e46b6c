internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Slice and Split: parts of the same bytes where they are contiguous in memory, else moves.
enum SliceLowering: Lowering {
    static let operators = ["Slice", "Split"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, compiler.isMovable(x), let dims = compiler.dims(x), !compiler.isConstant(x) else { return false }
        return try item.operatorName == "Split" ? split(item, x, dims, compiler) : slice(item, x, dims, compiler)
    }

    private static func slice(_ item: Item, _ x: ValueID, _ dims: [Int], _ compiler: Compiler) throws -> Bool {
        guard compiler.hasConstantParameters(item), let y = item.outputs.first ?? nil, let result = compiler.dims(y), !result.contains(0),
            let (box, place, _) = try? SliceOperator.box(try compiler.constantCall(item), dims), box == result
        else { return false }
        let strides = denseStrides(dims)
        var starts = dims, rest = place.offset
        // The offset counts elements of the plain layout.
        for axis in dims.indices {
            starts[axis] = dims[axis] > 1 ? rest / strides[axis] : 0
            rest -= starts[axis] * strides[axis]
        }
        let steps = dims.indices.map { result[$0] > 1 ? place.steps[$0] / strides[$0] : 1 }
        return try take(item, x, dims, starts, steps, y, result, compiler)
    }

    private static func split(_ item: Item, _ x: ValueID, _ dims: [Int], _ compiler: Compiler) throws -> Bool {
        let stated = item.integer("axis", 0), axis = stated < 0 ? stated + dims.count : stated
        guard dims.indices.contains(axis) else { return false }
        // Sizes of outputs that nobody reads are not known here.
        guard item.outputs.allSatisfy({ id in id.map { compiler.isMovable($0) && compiler.dims($0)?.count == dims.count } ?? false }) else { return false }
        let sizes = item.outputs.compactMap { id in id.flatMap { compiler.dims($0) }?[axis] }
        guard sizes.reduce(0, +) == dims[axis] else { return false }
        var starts = dims.map { _ in 0 }
        for (output, size) in zip(item.outputs, sizes) {
            guard let output else { continue }
            var part = dims
            part[axis] = size
            guard compiler.dims(output) == part, try take(item, x, dims, starts, dims.map { _ in 1 }, output, part, compiler) else {
                throw ModelError(.internalFault, "a part has other dims than were inferred")
            }
            starts[axis] += size
        }
        return true
    }

    /// y = the cells of x from `starts` on, `steps` apart.
    private static func take(
        _ item: Item, _ x: ValueID, _ dims: [Int], _ starts: [Int], _ steps: [Int], _ y: ValueID, _ result: [Int], _ compiler: Compiler
    ) throws -> Bool {
        let layout = compiler.layout(x)
        if try takeChannels(x, dims, starts, steps, y, result, compiler) { return true }
        var from = try compiler.cells(x, layout)
        for axis in dims.indices {
            from.offset += starts[axis] * from.steps[axis]
            from.steps[axis] *= steps[axis]
        }
        let dense = layout.strides(result).map { $0 * from.cell }
        if dims.indices.allSatisfy({ result[$0] == 1 || from.steps[$0] == dense[$0] }) {
            try compiler.relabel(x, layout, offset: from.offset, as: y, layout)
            return true
        }
        let to = try compiler.newCells(y, like: x, layout)
        guard let part = compiler.part(result, from: from, to: to) else { return false }
        compiler.emit([part], to: to.buffer, for: item)
        return true
    }

    /// A run of the channels of bytes that are channels last stays where it is: products read pixels at any distance.
    private static func takeChannels(
        _ x: ValueID, _ dims: [Int], _ starts: [Int], _ steps: [Int], _ y: ValueID, _ result: [Int], _ compiler: Compiler
    ) throws -> Bool {
        guard dims.count >= 3, Compiler.isByte(compiler.fact(x).elementType), compiler.exactLayout(x) == .channelsLast, steps[1] == 1,
            dims.indices.allSatisfy({ $0 == 1 || result[$0] == dims[$0] && starts[$0] == 0 && steps[$0] == 1 }), result[1] < dims[1], !Layout.isFree(dims)
        else { return false }
        let whole = try compiler.readPixels(x)
        let part = try compiler.part(of: whole.buffer, offset: starts[1], dims: Layout.channelsLast.physical(result))
        compiler.definePixels(y, as: Compiler.Pixels(buffer: part, stride: whole.stride))
        return true
    }
}
