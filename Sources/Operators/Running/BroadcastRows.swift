internal import Tensors

/// How to walk over a broadcast result in rows: axes of one element are dropped, axes along which every operand goes on alike are
/// merged, so that a row is as long as can be and in it each operand either stands still or goes on by one.
package struct BroadcastRows: Sendable {
    /// Elements of a row, at least 1 unless the result is empty.
    package let length: Int
    /// Per operand: 1 if it goes on within a row, 0 if one element serves the whole row.
    package let steps: [Int]
    private let outerDims: [Int]
    /// Per operand, then per outer axis.
    private let outerStrides: [[Int]]
    private let rows: Int

    package init(_ broadcast: Broadcast, _ shapes: [[Int]]) {
        let strides = shapes.map { broadcast.strides(of: $0) }
        var dims: [Int] = []
        var merged = [[Int]](repeating: [], count: shapes.count)
        for axis in broadcast.dims.indices where broadcast.dims[axis] != 1 {
            let size = broadcast.dims[axis]
            let continues = !dims.isEmpty && strides.indices.allSatisfy { merged[$0][dims.count - 1] == strides[$0][axis] * size }
            if continues {
                dims[dims.count - 1] *= size
                for operand in strides.indices { merged[operand][dims.count - 1] = strides[operand][axis] }
            } else {
                dims.append(size)
                for operand in strides.indices { merged[operand].append(strides[operand][axis]) }
            }
        }
        length = dims.popLast() ?? 1
        steps = merged.map { $0.last ?? 0 }
        outerDims = dims
        outerStrides = merged.map { Array($0.dropLast()) }
        rows = broadcast.count == 0 ? 0 : broadcast.count / length
    }

    /// Calls `body` for each row in order, with the offset of the row in the result and each operand's.
    @inline(__always)
    package func forEach(_ body: (_ offset: Int, _ operands: [Int]) -> Void) {
        var index = [Int](repeating: 0, count: outerDims.count), offsets = [Int](repeating: 0, count: outerStrides.count)
        for row in 0..<rows {
            body(row * length, offsets)
            var axis = outerDims.count - 1
            while axis >= 0 {
                index[axis] += 1
                let wraps = index[axis] == outerDims[axis]
                for operand in offsets.indices {
                    offsets[operand] += outerStrides[operand][axis] * (wraps ? 1 - outerDims[axis] : 1)
                }
                if !wraps { break }
                index[axis] = 0
                axis -= 1
            }
        }
    }
}
