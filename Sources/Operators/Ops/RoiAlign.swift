package import Tensors

package enum RoiAlign: Inferring, Runnable {
    package static let name: Name = "RoiAlign"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), size = try [call.int("output_height", 1), call.int("output_width", 1)]
        if let rank = data.rank, rank != 4 { throw ModelError(.invalidGraph, "input 0 is \(data), 4 dimensions are needed") }
        guard size.allSatisfy({ $0 >= 1 }) else { throw ModelError(.invalidGraph, "the output is \(size), at least 1 is needed") }
        return [Fact(data.elementType, [try call.dims(1)?.first ?? .unknown, data.dims?[1] ?? .unknown] + size.map(Dim.value))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rois = try call.tensor(1)
        try data.checkRank(4, "input 0")
        guard let batches = try call.ints(2), rois.dims == [batches.count, 4], batches.allSatisfy({ $0 >= 0 && $0 < data.dims[0] }) else {
            throw ModelError(.invalidGraph, "rois of \(rois.dims) with batch_indices for \(data.dims[0]) images: four numbers and one index each are needed")
        }
        let size = try [call.int("output_height", 1), call.int("output_width", 1)], mode = try call.string("mode", "avg")
        let coordinates = try call.string("coordinate_transformation_mode", call.opset < 16 ? "output_half_pixel" : "half_pixel")
        guard size.allSatisfy({ $0 >= 1 && $0 <= 1 << 24 }), mode == "avg" || mode == "max" else {
            throw ModelError(.invalidGraph, "the output is \(size) and mode '\(printable(mode))', at least 1 and avg or max are needed")
        }
        guard coordinates == "half_pixel" || coordinates == "output_half_pixel" else {
            throw ModelError(.invalidGraph, "coordinate_transformation_mode '\(printable(coordinates))' is not half_pixel or output_half_pixel")
        }
        let kernel = Kernel(
            dims: data.dims, rois: try rois.floats("input 1, the rois,"), batches: batches, size: size, scale: try call.float("spatial_scale", 1),
            ratio: try call.int("sampling_ratio", 0), isMax: mode == "max", halfPixel: coordinates == "half_pixel")
        return [.tensor(try data.computing(kernel, [batches.count, data.dims[1]] + size, call))]
    }

    private struct Kernel: RealKernel {
        let dims: [Int]
        let rois: Elements<Float>
        let batches: [Int]
        let size: [Int]
        let scale: Float
        let ratio: Int
        let isMax: Bool
        let halfPixel: Bool

        func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T> {
            let (channels, height, width) = (dims[1], dims[2], dims[3]), area = height * width, cells = size[0] * size[1]
            let result = try NewElements<T>(batches.count * channels * cells)
            // Few bytes can ask for work without end: a large region or ratio and many cells.
            var left = 1 << 32
            for (number, batch) in batches.enumerated() where result.count > 0 {
                let region = try region(number)
                // At most 2^22 samples for each of fewer than 2^48 cells.
                guard region.grid[0] * region.grid[1] <= left / cells else { throw ModelError(.limit, "the regions take more than 2^32 samples") }
                left -= region.grid[0] * region.grid[1] * cells
                for cell in 0..<cells {
                    let samples = samples(region, cell / size[1], cell % size[1])
                    for channel in 0..<channels {
                        let base = (batch * channels + channel) * area
                        var value: T = 0
                        for (index, sample) in samples.enumerated() {
                            var sum: T = 0
                            for (corner, tap) in sample.enumerated() {
                                // A sample outside has no corners.
                                let part = T(tap.1) * data[base + tap.0]
                                sum = isMax && corner > 0 ? max(sum, part) : corner == 0 ? part : sum + part
                            }
                            value = isMax ? (index == 0 ? sum : max(value, sum)) : value + sum
                        }
                        result[(number * channels + channel) * cells + cell] = isMax ? value : value / T(max(samples.count, 1))
                    }
                }
            }
            return result
        }

        private struct Region {
            var start: [Float] = []
            var bin: [Float] = []
            var grid: [Int] = []
        }

        private func region(_ number: Int) throws -> Region {
            var region = Region()
            let shift: Float = halfPixel ? 0.5 : 0
            for axis in 0..<2 {
                let start = rois[number * 4 + 1 - axis] * scale - shift, end = rois[number * 4 + 3 - axis] * scale - shift
                let length = halfPixel ? end - start : max(end - start, 1)
                region.start.append(start)
                region.bin.append(length / Float(size[axis]))
                region.grid.append(ratio > 0 ? ratio : max(Double((length / Float(size[axis])).rounded(.up)).saturated, 0))
            }
            guard let samples = checkedMultiply(region.grid[0], region.grid[1]), samples <= 1 << 22 else {
                throw ModelError(.limit, "region \(number) has \(region.grid) samples per cell, the limit is 4,194,304")
            }
            return region
        }

        /// The samples of one cell of the output, each with its four corners and their weights.
        private func samples(_ region: Region, _ row: Int, _ column: Int) -> [[(Int, Float)]] {
            var samples: [[(Int, Float)]] = []
            for y in 0..<region.grid[0] {
                let top = region.start[0] + Float(row) * region.bin[0] + (Float(y) + 0.5) * region.bin[0] / Float(region.grid[0])
                for x in 0..<region.grid[1] {
                    let left = region.start[1] + Float(column) * region.bin[1] + (Float(x) + 0.5) * region.bin[1] / Float(region.grid[1])
                    samples.append(corners(top, left))
                }
            }
            return samples
        }

        private func corners(_ y: Float, _ x: Float) -> [(Int, Float)] {
            let (height, width) = (dims[2], dims[3])
            guard y >= -1, y <= Float(height), x >= -1, x <= Float(width), height > 0, width > 0 else { return [] }
            let (top, down) = split(max(y, 0), height), (left, right) = split(max(x, 0), width)
            let rows = [(top, 1 - down), (min(top + 1, height - 1), down)], columns = [(left, 1 - right), (min(left + 1, width - 1), right)]
            return rows.flatMap { row in columns.map { (row.0 * width + $0.0, row.1 * $0.1) } }
        }

        /// The cell at or before a place, and how far behind it that lies.
        private func split(_ place: Float, _ dim: Int) -> (Int, Float) {
            let cell = Int(place)
            return cell >= dim - 1 ? (dim - 1, 0) : (cell, place - Float(cell))
        }
    }
}
