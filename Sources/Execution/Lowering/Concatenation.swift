internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// A step whose result can lie in a part of a larger value: its pixels further apart than it has channels.
protocol PixelWriter: Step {
    var result: BufferID { get }
    /// The same work written there; nil if it cannot.
    func writing(to result: BufferID, pixelStride: Int) -> (step: any Step, scratch: Int)?
}

/// Concat. What makes an input writes it into its place, where nobody else reads it: channels in channels last, and moves whose result stays in one piece.
enum ConcatLowering: Lowering {
    static let operators = ["Concat"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let y = item.outputs.first ?? nil, let dims = compiler.dims(y), compiler.isMovable(y), !item.inputs.contains(nil) else { return false }
        let stated = item.integer("axis", 1), axis = stated < 0 ? stated + dims.count : stated
        let inputs = item.inputs.compactMap { $0 }.filter { compiler.dims($0)?.contains(0) == false }
        guard dims.indices.contains(axis), dims.count <= Int(THIMBLE_MOVE_RANK), !inputs.isEmpty, compiler.dims(y)?.contains(0) == false,
            item.inputs.allSatisfy({ id in id.map { compiler.dims($0) != nil } ?? false }),
            inputs.allSatisfy({ compiler.isMovable($0) && compiler.dims($0)?.count == dims.count }),
            inputs.reduce(0, { $0 + (compiler.dims($1)?[axis] ?? 0) }) == dims[axis]
        else { return false }

        let isFloat = compiler.isFloat(y)
        let isLast = dims.count >= 3 && inputs.contains { !compiler.isConstant($0) && compiler.layout($0) == .channelsLast }
        let layout: Layout = isLast ? .channelsLast : .plain
        let target = isFloat ? try compiler.make(y, layout) : try compiler.makeExact(y, layout)
        let cell = isFloat ? 4 : (compiler.fact(y).elementType?.bitWidth ?? 8) / 8
        var to = compiler.cells(target, cell, dims, layout), parts: [MoveStep.Part] = []
        for input in inputs {
            guard let own = compiler.dims(input) else { continue }
            let isPlaced = isLast ? isFloat && axis == 1 && compiler.writeInPlace(input, of: target, offset: to.offset, channels: dims[1], item) : compiler.moveInPlace(input, to)
            if !isPlaced {
                // Not `cells`: a narrow constant is to be widened here.
                let form = compiler.isConstant(input) ? .plain : compiler.layout(input)
                let source = isFloat ? try compiler.read(input, form) : try compiler.readExact(input, form)
                guard let part = compiler.part(own, from: compiler.cells(source, cell, own, form), to: to) else {
                    throw ModelError(.internalFault, "a value has more axes than were inferred")
                }
                parts.append(part)
            }
            to.offset += own[axis] * to.steps[axis]
        }
        if !parts.isEmpty { compiler.emit(parts, to: target, for: item) }
        return true
    }
}

extension Compiler {
    /// True if the step that makes the value writes it into the larger one from now on.
    fileprivate func writeInPlace(_ id: ValueID, of target: BufferID, offset: Int, channels: Int, _ item: Item) -> Bool {
        guard unfolding.values[id].uses == 1, let dims = dims(id), dims.count >= 3, let buffer = existing(id, .channelsLast), let index = maker(of: buffer),
            let writer = steps[index].step.pixelWriter, writer.result == buffer, steps[index].writes == [buffer], root(buffer) == buffer,
            let place = try? part(of: target, offset: offset, dims: Layout.channelsLast.physical(dims)),
            let changed = writer.writing(to: place, pixelStride: channels)
        else { return false }
        replaceStep(at: index, with: changed.step, adding: [], reads: [], writes: [place], scratch: changed.scratch)
        return true
    }

    /// True if the step that makes the value is a move, and moves it to `to` from now on, where it lies in one piece.
    fileprivate func moveInPlace(_ id: ValueID, _ to: Cells) -> Bool {
        guard unfolding.values[id].uses == 1, !isConstant(id), let dims = dims(id), let buffer = existing(id, .plain), let index = maker(of: buffer),
            let move = steps[index].step as? MoveStep, move.target == buffer, steps[index].writes == [buffer], root(buffer) == buffer,
            drafts[buffer].elementType == drafts[to.buffer].elementType,
            zip(dims, zip(to.steps, denseStrides(dims))).allSatisfy({ $0 == 1 || $1.0 == $1.1 * to.cell }),
            let place = try? part(of: to.buffer, offset: to.offset, dims: dims)
        else { return false }
        replaceStep(at: index, with: move.moved(to: to), adding: [], reads: [], writes: [place])
        return true
    }
}

extension MoveStep {
    /// The same into a part of another buffer.
    fileprivate func moved(to cells: Cells) -> MoveStep {
        let parts = parts.map {
            Part(kernel: $0.kernel, source: $0.source, sourceOffset: $0.sourceOffset, targetOffset: $0.targetOffset + cells.offset, units: $0.units)
        }
        return MoveStep(parts: parts, target: cells.buffer)
    }
}
