package import Tensors

package enum MaxRoiPool: Inferring, Runnable {
    package static let name: Name = "MaxRoiPool"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), size = try call.required("pooled_shape", call.ints("pooled_shape"))
        guard size.count == 2, size.allSatisfy({ $0 >= 1 }) else { throw ModelError(.invalidGraph, "pooled_shape is \(size), two sizes are needed") }
        return [Fact(data.elementType, [try call.dims(1)?.first ?? .unknown, data.dims.flatMap { $0.count == 4 ? $0[1] : nil } ?? .unknown] + size.map(Dim.value))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rois = try call.tensor(1)
        try data.checkRank(4, "input 0")
        let size = try call.required("pooled_shape", call.ints("pooled_shape"))
        guard size.count == 2, size.allSatisfy({ $0 >= 1 && $0 <= 1 << 24 }), rois.dims.count == 2, rois.dims[1] == 5 else {
            throw ModelError(.invalidGraph, "rois of \(rois.dims) and pooled_shape \(size): five numbers per region and two sizes are needed")
        }
        let kernel = Kernel(dims: data.dims, rois: try rois.floats("input 1, the rois,"), size: size, scale: try call.float("spatial_scale", 1))
        return [.tensor(try data.computing(kernel, [rois.dims[0], data.dims[1]] + size, call))]
    }

    private struct Kernel: RealKernel {
        let dims: [Int]
        let rois: Elements<Float>
        let size: [Int]
        let scale: Float

        func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T> {
            let (channels, height, width) = (dims[1], dims[2], dims[3]), cells = size[0] * size[1], count = rois.count / 5
            let result = try NewElements<T>(count * channels * cells)
            for roi in 0..<(result.count > 0 ? count : 0) {
                let batch = Double(rois[roi * 5]).saturated
                guard batch >= 0, batch < dims[0] else { throw ModelError(.invalidGraph, "region \(roi) is of image \(batch), there are \(dims[0])") }
                for cell in 0..<cells {
                    let rows = bin(roi, 1, cell / size[1], of: size[0], height), columns = bin(roi, 0, cell % size[1], of: size[1], width)
                    for channel in 0..<channels {
                        let base = (batch * channels + channel) * height * width
                        var best: T?
                        for row in rows {
                            for column in columns {
                                let value = data[base + row * width + column]
                                best = best.map { max($0, value) } ?? value
                            }
                        }
                        result[(roi * channels + channel) * cells + cell] = best ?? 0
                    }
                }
            }
            return result
        }

        /// The cells of an axis that part `index` of `parts` covers. Axis 0 is x.
        private func bin(_ roi: Int, _ axis: Int, _ index: Int, of parts: Int, _ dim: Int) -> Range<Int> {
            let start = (rois[roi * 5 + 1 + axis] * scale).rounded(), end = (rois[roi * 5 + 3 + axis] * scale).rounded()
            let part = max(end - start + 1, 1) / Float(parts)
            let low = Double((Float(index) * part).rounded(.down) + start).saturated, high = Double((Float(index + 1) * part).rounded(.up) + start).saturated
            let first = min(max(low, 0), dim)
            return first..<max(first, min(max(high, 0), dim))
        }
    }
}
