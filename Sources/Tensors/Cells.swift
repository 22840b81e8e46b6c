internal import CKernels

/// A place in an array of cells, and the cells to go on by along each axis of a box.
package struct Stepping: Sendable {
    package var offset: Int
    package var steps: [Int]

    package init(offset: Int = 0, steps: [Int]) {
        self.offset = offset
        self.steps = steps
    }
}

/// Elements of a tensor as cells of whole bytes that are moved without being looked at.
package struct Cells: Sendable {
    let bytes: Elements<UInt8>
    package let dims: [Int]
    package let width: Int
    package let count: Int

    /// `bytes` hold as many cells of `width` bytes as the dims say.
    package init(_ bytes: TensorBytes, width: Int, dims: [Int]) throws {
        self.bytes = try Elements(bytes)
        (self.dims, self.width) = (dims, width)
        count = bytes.count / width
        precondition(Tensors.elementCount(of: dims) == count && bytes.count % width == 0, "cells that do not fit their dims")
    }
}

/// Cells that are being made. Not cleared: every cell must be written. The places that a call names must lie within the cells.
@safe
package final class NewCells {
    package let memory: OwnedMemory
    package let dims: [Int]
    package let width: Int
    package let count: Int

    /// `memory` has room for the `count` cells of `dims`.
    package init(dims: [Int], width: Int, count: Int, _ memory: OwnedMemory) {
        unsafe precondition(memory.bytes.count == count * width, "memory of another size")
        self.memory = memory
        (self.dims, self.width, self.count) = (dims, width, count)
    }

    /// The finished cells; nothing may be written afterwards.
    package var finished: Cells {
        get throws { try Cells(TensorBytes(memory), width: width, dims: dims) }
    }

    /// All bits zero.
    package func clear() {
        unsafe memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Every cell a copy of the only one of `cell`.
    package func fill(with cell: Cells) {
        copy(dims, from: cell, Stepping(steps: [Int](repeating: 0, count: dims.count)), to: Stepping(steps: denseStrides(dims)))
    }

    /// Copies a box of cells.
    package func copy(_ box: [Int], from source: Cells, _ from: Stepping, to: Stepping) {
        guard !box.contains(0) else { return }
        precondition(source.width == width && box.count == from.steps.count && box.count == to.steps.count, "a copy that does not fit")
        precondition(Self.reach(box, from, within: source.count) && Self.reach(box, to, within: count), "a copy outside its cells")
        let (dims, fromSteps, toSteps) = Self.merged(box, from.steps, to.steps)
        precondition(dims.count <= 64, "a box of more than 64 axes")
        let a = fromSteps.map { $0 * width }, b = toSteps.map { $0 * width }
        unsafe source.bytes.withUnsafeBuffer { bytes in
            unsafe thimble_copy_cells(
                bytes.baseAddress! + from.offset * width, a, address(to.offset), b, dims, dims.count, UInt32(width))
        }
    }

    /// Block i of `block` cells, from cell `start` on, becomes what begins at cell `offsets[i]` of `source`.
    package func gather(from source: Cells, at offsets: [Int], block: Int = 1, to start: Int = 0) {
        guard let low = offsets.min(), let high = offsets.max(), block > 0 else { return }
        precondition(source.width == width && low >= 0 && high <= source.count - block, "a gather outside its cells")
        precondition(start >= 0 && offsets.count <= (count - start) / block, "a gather outside its target")
        unsafe source.bytes.withUnsafeBuffer { bytes in
            unsafe thimble_gather_cells(bytes.baseAddress, offsets, offsets.count, UInt32(width), block * width, address(start))
        }
    }

    /// Block i of `block` cells of `source` goes to cell `offsets[i]`; the last of two for one place stays.
    package func scatter(from source: Cells, to offsets: [Int], block: Int = 1) {
        guard let low = offsets.min(), let high = offsets.max(), block > 0 else { return }
        precondition(source.width == width && low >= 0 && high <= count - block, "a scatter outside its cells")
        precondition(offsets.count <= source.count / block, "a scatter outside its source")
        unsafe source.bytes.withUnsafeBuffer { bytes in
            unsafe thimble_scatter_cells(bytes.baseAddress, offsets, offsets.count, UInt32(width), block * width, address(0))
        }
    }

    private func address(_ cell: Int) -> UnsafeMutablePointer<UInt8> {
        // posix_memalign gave it a base.
        unsafe memory.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + cell * width
    }

    /// True if every cell of the box lies in `0..<count`.
    private static func reach(_ box: [Int], _ stepping: Stepping, within count: Int) -> Bool {
        var low = stepping.offset, high = stepping.offset
        for (dim, step) in zip(box, stepping.steps) {
            guard let far = checkedMultiply(dim - 1, step), let sum = checkedAdd(far < 0 ? low : high, far) else { return false }
            if far < 0 { low = sum } else { high = sum }
        }
        return low >= 0 && high < count
    }

    /// The same box with as few axes as possible: those of one cell left out, neighbours that continue each other on both sides made one.
    private static func merged(_ box: [Int], _ a: [Int], _ b: [Int]) -> ([Int], [Int], [Int]) {
        var dims: [Int] = [], x: [Int] = [], y: [Int] = []
        for axis in box.indices where box[axis] != 1 {
            if let last = dims.indices.last, x[last] == a[axis] * box[axis], y[last] == b[axis] * box[axis] {
                dims[last] *= box[axis]
                (x[last], y[last]) = (a[axis], b[axis])
            } else {
                dims.append(box[axis])
                x.append(a[axis])
                y.append(b[axis])
            }
        }
        return (dims, x, y)
    }
}

/// Row-major steps of a dense tensor.
package func denseStrides(_ dims: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dims.count)
    for axis in stride(from: dims.count - 2, through: 0, by: -1) { strides[axis] = strides[axis + 1] * dims[axis + 1] }
    return strides
}
