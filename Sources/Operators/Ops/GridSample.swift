package import Tensors

package enum GridSample: Inferring, Runnable {
    package static let name: Name = "GridSample"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), grid = try call.dims(1)
        if let rank = data.rank, let grid, rank != grid.count || rank < 3 {
            throw ModelError(.invalidGraph, "a grid of \(grid.text) for \(data): as many dimensions are needed, at least 3")
        }
        guard let rank = data.rank ?? grid?.count else { return [Fact(data.elementType)] }
        let first = data.dims.map { Array($0[..<2]) } ?? [grid?[0] ?? .unknown, .unknown]
        return [Fact(data.elementType, first + (grid.map { Array($0[1..<rank - 1]) } ?? [Dim](repeating: .unknown, count: rank - 2)))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), grid = try call.tensor(1), axes = data.dims.count - 2
        guard axes >= 1, axes <= 4, grid.dims.count == data.dims.count, grid.dims[0] == data.dims[0], grid.dims.last == axes else {
            throw ModelError(.invalidGraph, "a grid of \(grid.dims) for data of \(data.dims): as many dimensions, batches and coordinates are needed, 1 to 4")
        }
        let kernel = Kernel(
            dims: data.dims, gridDims: grid.dims, points: try grid.floats("input 1, the grid,"), filter: try filter(call), padding: try padding(call),
            alignsCorners: try call.bool("align_corners"))
        let dims = Array(data.dims[..<2]) + Array(grid.dims[1..<grid.dims.count - 1])
        guard !data.dims[2...].contains(0) || dims.contains(0) else { throw ModelError(.invalidGraph, "data of \(data.dims) has nothing to sample") }
        if data.elementType.isFloat { return [.tensor(try data.computing(kernel, dims, call))] }
        try call.environment.checkAllocation(8 * checkedCount(dims))
        let wide = try kernel.run(NewElements(data.wholeNumbers("input 0").map { Double($0) }).finished)
        return [.tensor(try .whole(wide, .towardZero, data.elementType, dims))]
    }

    private enum Filter { case nearest, linear, cubic }
    private enum Padding { case zeros, border, reflection }

    private static func filter(_ call: Call) throws -> Filter {
        switch try call.string("mode", "linear") {
        case "nearest": .nearest
        case "linear", "bilinear": .linear
        case "cubic", "bicubic": .cubic
        case let mode: throw ModelError(.invalidGraph, "mode '\(printable(mode))' is not nearest, linear or cubic")
        }
    }

    private static func padding(_ call: Call) throws -> Padding {
        switch try call.string("padding_mode", "zeros") {
        case "zeros": .zeros
        case "border": .border
        case "reflection": .reflection
        case let mode: throw ModelError(.invalidGraph, "padding_mode '\(printable(mode))' is not zeros, border or reflection")
        }
    }

    private struct Kernel: RealKernel {
        let dims: [Int]
        let gridDims: [Int]
        let points: Elements<Float>
        let filter: Filter
        let padding: Padding
        let alignsCorners: Bool

        func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T> {
            let axes = dims.count - 2, channels = dims[1], area = dims[2...].reduce(1, *)
            let outputs = gridDims[1..<gridDims.count - 1].reduce(1, *)
            let result = try NewElements<T>(dims[0] * channels * outputs)
            guard result.count > 0 else { return result }
            for batch in 0..<dims[0] {
                for output in 0..<outputs {
                    let first = (batch * outputs + output) * axes
                    let taps = taps((0..<axes).map { points[first + $0] })
                    for channel in 0..<channels {
                        let base = (batch * channels + channel) * area
                        var sum: T = 0
                        for (cell, weight) in taps { sum += T(weight) * data[base + cell] }
                        result[(batch * channels + channel) * outputs + output] = sum
                    }
                }
            }
            return result
        }

        /// The cells of one channel that a point is a sum of. Coordinates count the last axis first.
        private func taps(_ point: [Float]) -> [(Int, Float)] {
            var taps: [(Int, Float)] = [(0, 1)]
            for axis in 2..<dims.count {
                let dim = dims[axis], own = axisTaps(point[dims.count - 1 - axis], dim)
                taps = taps.flatMap { (cell, weight) in own.map { (cell * dim + $0.0, weight * $0.1) } }
            }
            return taps
        }

        private func axisTaps(_ coordinate: Float, _ dim: Int) -> [(Int, Float)] {
            let low: Float = alignsCorners ? 0 : -0.5, high = Float(dim) - (alignsCorners ? 1 : 0.5)
            var x = alignsCorners ? (coordinate + 1) / 2 * Float(dim - 1) : ((coordinate + 1) * Float(dim) - 1) / 2
            if filter == .nearest { x.round(.toNearestOrEven) }
            // Cubic taps reach far: each is brought back by itself, as PyTorch and ONNX Runtime do.
            if filter != .cubic, x < low || x > high {
                if padding == .border { x = min(max(x, 0), Float(dim - 1)) } else if padding == .reflection { x = reflected(x, low, high) }
            }
            let left = Double(x.rounded(.down)).saturated, ratio = x - x.rounded(.down)
            switch filter {
            case .nearest: return [tap(left, 1, dim, low, high)]
            case .linear: return [tap(left, 1 - ratio, dim, low, high), tap(left + 1, ratio, dim, low, high)]
            case .cubic:
                let keys = ResizeTaps.Filter.cubic(-0.75)
                return (-1...2).map { tap(left + $0, keys.weight(Float($0) - ratio), dim, low, high) }
            }
        }

        /// A cell outside weighs nothing, or another one stands for it.
        private func tap(_ cell: Int, _ weight: Float, _ dim: Int, _ low: Float, _ high: Float) -> (Int, Float) {
            if cell >= 0, cell < dim { return (cell, weight) }
            switch padding {
            case .zeros: return (0, 0)
            case .border: return (min(max(cell, 0), dim - 1), weight)
            case .reflection: return (min(max(Double(reflected(Float(cell), low, high)).saturated, 0), dim - 1), weight)
            }
        }

        /// Mirrored at the borders until it lies between them.
        private func reflected(_ x: Float, _ low: Float, _ high: Float) -> Float {
            let range = high - low
            guard range > 0, x.isFinite else { return low }
            let distance = x < low ? low - x : x > high ? x - high : 0
            guard distance > 0 else { return x }
            let turns = (distance / range).rounded(.towardZero), rest = distance - turns * range
            let isEven = turns.truncatingRemainder(dividingBy: 2) == 0
            return (x < low) == isEven ? low + rest : high - rest
        }
    }
}
