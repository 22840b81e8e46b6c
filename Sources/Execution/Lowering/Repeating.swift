internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Expand and Tile: moves that read cells more than once.
enum RepeatLowering: Lowering {
    static let operators = ["Expand", "Tile"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isMovable(x), compiler.hasConstantParameters(item), item.opset >= 6,
            let dims = compiler.dims(x), let result = compiler.dims(y), !result.contains(0), result.count >= dims.count, !compiler.isConstant(x)
        else { return false }
        if dims == result {
            let layout = compiler.layout(x)
            try compiler.relabel(x, layout, as: y, layout)
            return true
        }
        // Each axis as two: the repeats and the axis itself.
        let own = Array(repeating: 1, count: result.count - dims.count) + dims
        guard zip(own, result).allSatisfy({ $1 % $0 == 0 }) else { return false }
        var box: [Int] = [], fromSteps: [Int] = [], toSteps: [Int] = []
        let strides = denseStrides(own), targets = denseStrides(result)
        for axis in result.indices {
            let (count, size) = (result[axis] / own[axis], own[axis])
            for (length, source, target) in [(count, 0, targets[axis] * size), (size, strides[axis], targets[axis])] where length > 1 {
                box.append(length)
                fromSteps.append(source)
                toSteps.append(target)
            }
        }
        guard box.count <= Int(THIMBLE_MOVE_RANK) else { return false }
        var from = try compiler.cells(x, .plain), to = try compiler.newCells(y, like: x, .plain)
        from.steps = fromSteps.map { $0 * from.cell }
        to.steps = toSteps.map { $0 * to.cell }
        guard let part = compiler.part(box, from: from, to: to) else { throw ModelError(.internalFault, "a move has more axes than it can have") }
        compiler.emit([part], to: to.buffer, for: item)
        return true
    }
}
