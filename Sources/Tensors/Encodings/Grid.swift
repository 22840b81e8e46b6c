/// Cells of a tensor that share a scale or a table (file format, section 4.2).
///
/// `block[i]` elements on axis i make a cell, 0: the whole axis; `ceil(dims[i] / block[i])` cells lie there. No block: one cell.
package struct Grid: Equatable, Sendable {
    /// Of the tensor.
    package let dims: [Int]
    /// Of a cell, each at least 1; empty for one cell.
    package let block: [Int]
    /// Cells on each axis; empty for one cell.
    package let cells: [Int]

    package init(block: [Int]?, dims: [Int]) throws {
        self.dims = dims
        guard let block else {
            self.block = []
            cells = []
            return
        }
        guard block.count == dims.count else {
            throw ModelError(.damagedFile, "the grid has \(block.count) axes, the tensor \(dims.count)")
        }
        if let axis = block.firstIndex(where: { $0 < 0 || $0 > 1 << 48 }) {
            throw ModelError(.damagedFile, "the grid's block is \(block[axis]) on axis \(axis), it must be 0 to 2^48")
        }
        self.block = zip(block, dims).map { block, dim in block == 0 ? max(1, dim) : block }
        cells = zip(self.block, dims).map { ceilDivide($1, $0) }
    }

    /// Calls `body` for runs of elements that share a cell, in row-major order: (first element, their number, the cell's row-major index).
    package func forEachRun(of elements: Range<Int>, _ body: (Int, Int, Int) throws -> Void) rethrows {
        guard let last = dims.last, !block.isEmpty else {
            if !elements.isEmpty { try body(elements.lowerBound, elements.count, 0) }
            return
        }
        var at = elements.lowerBound
        while at < elements.upperBound {
            // Elements exist, so that no dim is 0.
            let row = at / last, rowCell = cell(ofRow: row) * cells[cells.count - 1]
            let rowEnd = min(elements.upperBound, (row + 1) * last)
            while at < rowEnd {
                let column = at - row * last, index = column / block[block.count - 1]
                let end = min(rowEnd, row * last + min(last, (index + 1) * block[block.count - 1]))
                try body(at, end - at, rowCell + index)
                at = end
            }
        }
    }

    /// The row-major index of a row of elements among the rows of cells.
    private func cell(ofRow row: Int) -> Int {
        var rest = row, index = 0, stride = 1
        for axis in (0..<dims.count - 1).reversed() {
            index += rest % dims[axis] / block[axis] * stride
            rest /= dims[axis]
            stride *= cells[axis]
        }
        return index
    }
}
