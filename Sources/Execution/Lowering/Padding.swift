internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Pad: a constant around what is moved in, or one axis after the other at the places of a table.
enum PadLowering: Lowering {
    static let operators = ["Pad"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.isFloat(x), compiler.isMovable(x), !compiler.movesExactly(x),
            compiler.hasConstantParameters(item), let dims = compiler.dims(x), let result = compiler.dims(y), !result.contains(0), dims.count <= Int(THIMBLE_MOVE_RANK),
            let pads = try? Pad.pads(try compiler.constantCall(item), rank: dims.count),
            dims.indices.allSatisfy({ dims[$0] + pads[$0].before + pads[$0].after == result[$0] }), pads.allSatisfy({ $0.before >= 0 && $0.after >= 0 })
        else { return false }
        let layout = compiler.layout(x)
        if dims == result {
            try compiler.relabel(x, layout, as: y, layout)
            return true
        }
        switch item.text("mode") ?? "constant" {
        case "constant":
            guard let value = value(item, compiler) else { return false }
            try surround(item, x, y, dims, result, pads.map { $0.before }, with: value, layout, compiler)
        case "edge": try extend(item, x, y, dims, pads, layout, compiler) { place, dim in min(max(place, 0), dim - 1) }
        case "wrap": try extend(item, x, y, dims, pads, layout, compiler) { place, dim in remainder(place, dim) }
        case "reflect":
            try extend(item, x, y, dims, pads, layout, compiler) { place, dim in
                let turn = dim > 1 ? remainder(place, 2 * (dim - 1)) : 0
                return min(turn, 2 * (dim - 1) - turn)
            }
        default: return false
        }
        return true
    }

    private static func remainder(_ place: Int, _ dim: Int) -> Int { (place % dim + dim) % dim }

    fileprivate static func value(_ item: Item, _ compiler: Compiler) -> Float? {
        if item.opset < 11 { return item.float("value", 0) }
        guard item.inputs.count > 2, let id = item.inputs[2] else { return 0 }
        return compiler.unfolding.number(id)
    }

    private static func surround(
        _ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ result: [Int], _ before: [Int], with value: Float, _ layout: Layout, _ compiler: Compiler
    ) throws {
        let from = try compiler.cells(x, layout), whole = try compiler.newCells(y, like: x, layout)
        let number = compiler.constantBuffer(TensorBytes(try NewElements([value]).memory), .float, [1])
        var to = whole
        for axis in dims.indices { to.offset += before[axis] * to.steps[axis] }
        let none = Cells(buffer: number, cell: 4, steps: dims.map { _ in 0 })
        guard let border = compiler.part(result, from: none, to: whole), let inside = compiler.part(dims, from: from, to: to) else {
            throw ModelError(.internalFault, "a value has more axes than were inferred")
        }
        compiler.emit([border, inside], to: whole.buffer, for: item)
    }

    private static func extend(
        _ item: Item, _ x: ValueID, _ y: ValueID, _ dims: [Int], _ pads: Pad.Pads, _ layout: Layout, _ compiler: Compiler,
        _ source: (_ place: Int, _ dim: Int) -> Int
    ) throws {
        var buffer = try compiler.read(x, layout), current = layout.physical(dims)
        let order = layout.physical(Array(dims.indices)), changed = current.indices.filter { pads[order[$0]].before + pads[order[$0]].after > 0 }
        for axis in changed {
            let pad = pads[order[axis]], dim = current[axis], size = dim + pad.before + pad.after
            var next = current
            next[axis] = size
            let target = axis == changed.last ? try compiler.make(y, layout) : try compiler.makeTemporary(next)
            try compiler.emitGather(
                from: buffer, current, axis: axis, at: (0..<size).map { source($0 - pad.before, dim) }, cell: 4, to: target, for: item)
            (buffer, current) = (target, next)
        }
    }
}

extension Compiler {
    /// What a value is that is only another one with zeros around its spatial axes, if this is the one time that it is read.
    func zeroPadding(_ id: ValueID) throws -> (inner: ValueID, before: [Int], step: Int)? {
        guard unfolding.values[id].uses == 1, case .run(let item?) = unfolding.values[id].source, item.operatorName == "Pad", let inner = item.inputs[0],
            let dims = dims(inner), dims.count >= 3, dims != self.dims(id), item.text("mode") ?? "constant" == "constant", PadLowering.value(item, self) == 0,
            let pads = try? Pad.pads(try constantCall(item), rank: dims.count), pads.prefix(2).allSatisfy({ $0.before == 0 && $0.after == 0 }),
            let buffer = existing(id, layout(id)), let step = maker(of: buffer), steps[step].writes == [buffer], steps[step].step is MoveStep
        else { return nil }
        return (inner, pads.dropFirst(2).map(\.before), step)
    }

    /// Numbers between two steps of one node; `dims` as they lie in memory.
    func makeTemporary(_ dims: [Int]) throws -> BufferID { try newBuffer(.float, dims) }
}
