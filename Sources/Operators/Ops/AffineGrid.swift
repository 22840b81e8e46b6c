package import Tensors

package enum AffineGrid: Inferring, Runnable {
    package static let name: Name = "AffineGrid"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let theta = try call.tensor(0)
        guard let size = try call.integers(1) else { return [Fact(theta.elementType)] }
        guard size.count == 4 || size.count == 5 else {
            throw ModelError(.invalidGraph, "the size is \(size.text), 4 or 5 numbers are needed: batches, channels and the image")
        }
        return [Fact(theta.elementType, [size[0]] + size[2...].map(\.ifSize) + [.value(size.count - 2)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let theta = try call.tensor(0)
        guard let size = try call.ints(1), size.count == 4 || size.count == 5, size.allSatisfy({ $0 >= 0 }) else {
            throw ModelError(.invalidGraph, "the size must have 4 or 5 numbers of at least 0: batches, channels and the image")
        }
        let axes = size.count - 2
        guard theta.dims == [size[0], axes, axes + 1] else {
            throw ModelError(.invalidGraph, "theta has dims \(theta.dims), [\(size[0]), \(axes), \(axes + 1)] is needed for a size of \(size)")
        }
        let dims = [size[0]] + size[2...] + [axes]
        for dim in size[2...] { try call.environment.checkAllocation(8 * min(dim, 1 << 48)) }
        _ = try checkedCount(dims)
        return [.tensor(try theta.computing(Kernel(size: size, alignsCorners: call.bool("align_corners")), dims, call))]
    }

    private struct Kernel: RealKernel {
        let size: [Int]
        let alignsCorners: Bool

        func run<T: Real>(_ theta: Elements<T>) throws -> NewElements<T> {
            let image = Array(size[2...]), axes = image.count, cells = image.reduce(1, *), strides = denseStrides(image)
            let lines = image.map { places($0, T.self) }
            let result = try NewElements<T>(size[0] * cells * axes)
            for batch in 0..<(result.count > 0 ? size[0] : 0) {
                for cell in 0..<cells {
                    for row in 0..<axes {
                        let first = (batch * axes + row) * (axes + 1)
                        var sum = theta[first + axes]
                        // The first coordinate is that of the last axis.
                        for axis in 0..<axes { sum += theta[first + axes - 1 - axis] * lines[axis][cell / strides[axis] % image[axis]] }
                        result[(batch * cells + cell) * axes + row] = sum
                    }
                }
            }
            return result
        }

        /// From -1 to 1: at the middles of the cells, or at those of the corner cells.
        private func places<T: Real>(_ count: Int, _ type: T.Type) -> [T] {
            guard alignsCorners else { return (0..<count).map { (2 * T($0) + 1) / T(count) - 1 } }
            return (0..<count).map { count > 1 ? 2 * T($0) / T(count - 1) - 1 : 0 }
        }
    }
}
