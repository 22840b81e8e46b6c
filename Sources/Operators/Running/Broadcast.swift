internal import Tensors

/// Multidirectional broadcasting (ONNX, "Broadcasting in ONNX"; NumPy's rule).
package struct Broadcast: Sendable {
    package let dims: [Int]
    package let count: Int

    /// Throws if the shapes do not go together, naming both.
    package init(_ shapes: [[Int]]) throws {
        var dims: [Int] = []
        for shape in shapes {
            let rank = max(dims.count, shape.count)
            var result = [Int](repeating: 1, count: rank)
            for axis in 0..<rank {
                let x = axis - rank + dims.count, y = axis - rank + shape.count
                let a = x >= 0 ? dims[x] : 1, b = y >= 0 ? shape[y] : 1
                guard a == b || a == 1 || b == 1 else {
                    throw ModelError(.invalidGraph, "cannot combine \(dims) with \(shape): axis \(axis) is \(a) and \(b)")
                }
                result[axis] = a == 1 ? b : a
            }
            dims = result
        }
        guard let count = elementCount(of: dims) else { throw ModelError(.limit, "\(dims) is too large for a tensor") }
        self.dims = dims
        self.count = count
    }

    /// Steps of `shape` along each axis of the result, 0 where it is repeated.
    package func strides(of shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 0, count: dims.count)
        var step = 1
        for axis in shape.indices.reversed() {
            if shape[axis] != 1 { strides[axis + dims.count - shape.count] = step }
            step *= shape[axis]
        }
        return strides
    }
}
