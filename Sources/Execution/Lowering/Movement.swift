internal import CKernels
internal import Operators
internal import Tensors

/// Where the cells of a value lie: bytes from one to the next along each of the value's axes, whatever the layout.
struct Cells {
    let buffer: BufferID
    let cell: Int
    /// Of the first cell.
    var offset = 0
    var steps: [Int]
}

/// Boxes of cells that are copied into one buffer.
struct MoveStep: Step {
    struct Part {
        let kernel: KernelBox<thimble_move>
        let source: BufferID
        let sourceOffset: Int
        let targetOffset: Int
        let units: Int
    }

    var parts: [Part]
    let target: BufferID

    func run(_ run: ProgramRun) throws {
        for part in parts {
            let from = unsafe run[part.source] + part.sourceOffset, to = unsafe run[target] + part.targetOffset
            unsafe run.share(part.units) { first, last, _ in unsafe thimble_move_run(part.kernel.pointer, from, to, first, last) }
        }
    }
}

extension Layout {
    /// Elements from one cell to the next along each axis of a value of those dims.
    func strides(_ dims: [Int]) -> [Int] {
        guard self == .channelsLast, dims.count >= 3 else { return denseStrides(dims) }
        let physical = denseStrides(physical(dims))
        return [physical[0], physical[dims.count - 1]] + physical[1..<dims.count - 1]
    }
}

extension Compiler {
    /// True if the value's dims are known, it has cells, and they are whole bytes.
    func isMovable(_ id: ValueID) -> Bool {
        guard let dims = dims(id), !dims.contains(0), dims.count <= Int(THIMBLE_MOVE_RANK), let width = fact(id).elementType?.bitWidth else { return false }
        return width % 8 == 0
    }

    /// Constants of narrow floats stay as they are: to widen a table for the few rows that are taken would be a waste.
    func movesExactly(_ id: ValueID) -> Bool { !isFloat(id) || isConstant(id) && fact(id).elementType != .float }

    /// The cells of a value that is read. The layout matters for numbers to compute with and for bytes only.
    func cells(_ id: ValueID, _ layout: Layout) throws -> Cells {
        guard movesExactly(id) else { return cells(try read(id, layout), 4, dims(id) ?? [], layout) }
        let layout = exactly(layout, id)
        return cells(try readExact(id, layout), (fact(id).elementType?.bitWidth ?? 8) / 8, dims(id) ?? [], layout)
    }

    /// The cells of a value that is to be made of such as `source` has.
    func newCells(_ id: ValueID, like source: ValueID, _ layout: Layout) throws -> Cells {
        guard movesExactly(source) else { return cells(try make(id, layout), 4, dims(id) ?? [], layout) }
        let layout = exactly(layout, id)
        return cells(try makeExact(id, layout), (fact(id).elementType?.bitWidth ?? 8) / 8, dims(id) ?? [], layout)
    }

    /// What is no number to compute with is plain, but for bytes.
    private func exactly(_ layout: Layout, _ id: ValueID) -> Layout { Self.isByte(fact(id).elementType) && !isConstant(id) ? layout : .plain }

    func cells(_ buffer: BufferID, _ cell: Int, _ dims: [Int], _ layout: Layout) -> Cells {
        Cells(buffer: buffer, cell: cell, steps: layout.strides(dims).map { $0 * cell })
    }

    /// One box of a move; nil if it has too many axes. `from` and `to` have steps for each axis of `dims`.
    func part(_ dims: [Int], from: Cells, to: Cells) -> MoveStep.Part? {
        guard dims.count <= Int(THIMBLE_MOVE_RANK) else { return nil }
        var move = thimble_move()
        (move.cell, move.rank, move.family) = (from.cell, dims.count, thimble_processor())
        _ = unsafe withUnsafeMutableBytes(of: &move.dims) { unsafe $0.bindMemory(to: Int.self).update(fromContentsOf: dims) }
        _ = unsafe withUnsafeMutableBytes(of: &move.in_steps) { unsafe $0.bindMemory(to: Int.self).update(fromContentsOf: from.steps) }
        _ = unsafe withUnsafeMutableBytes(of: &move.out_steps) { unsafe $0.bindMemory(to: Int.self).update(fromContentsOf: to.steps) }
        guard unsafe thimble_move_prepare(&move) else { return nil }
        let box = KernelBox(move)
        return unsafe MoveStep.Part(
            kernel: box, source: from.buffer, sourceOffset: from.offset, targetOffset: to.offset, units: thimble_move_units(box.pointer))
    }

    func emit(_ parts: [MoveStep.Part], to target: BufferID, for item: Item) {
        emit(MoveStep(parts: parts, target: target), for: [item.step], reads: parts.map(\.source), writes: [target])
    }

    /// The inputs that are constants, as a general kernel gets them; nil for those that are not.
    func constantCall(_ item: Item) throws -> Call {
        let inputs = try item.inputs.enumerated().map { index, id in
            try id.flatMap { index > 0 && isConstant($0) ? Tensors.Value.tensor(try unfolding.tensor($0)) : nil }
        }
        return Call(node: item.node, opset: item.opset, inputs: inputs, environment: unfolding.environment)
    }

    /// True if all inputs but the first are left out or constants.
    func hasConstantParameters(_ item: Item) -> Bool { item.inputs.dropFirst().allSatisfy { id in id.map { isConstant($0) } ?? true } }

    /// The same bytes under other dims, for numbers to compute with and others.
    func relabel(_ input: ValueID, _ layout: Layout, offset: Int = 0, as output: ValueID, _ other: Layout) throws {
        let dims = dims(output) ?? []
        if isFloat(input), !movesExactly(input) {
            define(output, as: try part(of: try read(input, layout), offset: offset, dims: other.physical(dims)), other)
        } else {
            let (from, to) = (exactly(layout, input), exactly(other, output))
            defineExact(output, as: try part(of: try readExact(input, from), offset: offset, dims: to.physical(dims)), to)
        }
    }
}
