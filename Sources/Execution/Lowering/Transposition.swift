internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Transpose: nothing at all where it only says in words what the layout is already (channels last models in ONNX's terms), else a move.
enum TransposeLowering: Lowering {
    static let operators = ["Transpose"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isMovable(x), let dims = compiler.dims(x),
            let result = compiler.dims(y), !compiler.isConstant(x)
        else { return false }
        let order = item.integers("perm") ?? Array(dims.indices.reversed())
        guard order.sorted() == Array(dims.indices), order.map({ dims[$0] }) == result else { return false }
        let layouts: [Layout] = compiler.isFloat(x) && dims.count >= 3 ? [.plain, .channelsLast] : [.plain]
        for layout in layouts where compiler.existing(x, layout) != nil || compiler.layout(x) == layout {
            for other in layouts where isSame(layout.physical(Array(dims.indices)), other.physical(order), dims) {
                try compiler.relabel(x, layout, as: y, other)
                return true
            }
        }
        let from = try compiler.cells(x, compiler.layout(x)), to = try compiler.newCells(y, like: x, .plain)
        guard let part = compiler.part(result, from: Cells(buffer: from.buffer, cell: from.cell, steps: order.map { from.steps[$0] }), to: to) else {
            throw ModelError(.internalFault, "a value has more axes than were inferred")
        }
        compiler.emit([part], to: to.buffer, for: item)
        return true
    }

    /// True if both orders of axes are one in memory: axes of one cell do not count.
    private static func isSame(_ a: [Int], _ b: [Int], _ dims: [Int]) -> Bool { a.filter { dims[$0] != 1 } == b.filter { dims[$0] != 1 } }
}

/// DepthToSpace and SpaceToDepth: axes that are split in two change places.
enum DepthLowering: Lowering {
    static let operators = ["DepthToSpace", "SpaceToDepth"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isMovable(x), let dims = compiler.dims(x),
            let result = compiler.dims(y), dims.count == 4, result.count == 4, !result.contains(0)
        else { return false }
        let size = item.integer("blocksize", 0), isDeep = item.operatorName == "DepthToSpace", mode = item.text("mode") ?? "DCR"
        // What is deep: [n, c·size², h, w]; what is wide: [n, c, h·size, w·size].
        let (deep, wide) = isDeep ? (dims, result) : (result, dims)
        guard size > 0, deep[0] == wide[0], wide[2] == deep[2] * size, wide[3] == deep[3] * size, deep[1] == wide[1] * size * size, mode == "DCR" || mode == "CRD" else {
            return false
        }
        let layout = compiler.layout(x), c = wide[1], isColumns = mode == "CRD"
        let from = try compiler.cells(x, layout), to = try compiler.newCells(y, like: x, layout)
        let (inner, outer) = isDeep ? (from.steps, to.steps) : (to.steps, from.steps)
        // Axes: n, row in a block, column in a block, c, h, w.
        let deepSteps = isColumns
            ? [inner[0], inner[1] * size, inner[1], inner[1] * size * size, inner[2], inner[3]]
            : [inner[0], inner[1] * size * c, inner[1] * c, inner[1], inner[2], inner[3]]
        let wideSteps = [outer[0], outer[2], outer[3], outer[1], outer[2] * size, outer[3] * size]
        let box = [deep[0], size, size, c, deep[2], deep[3]]
        guard
            let part = compiler.part(
                box, from: Cells(buffer: from.buffer, cell: from.cell, steps: isDeep ? deepSteps : wideSteps),
                to: Cells(buffer: to.buffer, cell: to.cell, steps: isDeep ? wideSteps : deepSteps))
        else { throw ModelError(.internalFault, "a move has more axes than it can have") }
        compiler.emit([part], to: to.buffer, for: item)
        return true
    }
}
