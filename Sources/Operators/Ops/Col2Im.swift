package import Tensors

package enum Col2Im: Inferring, Runnable {
    package static let name: Name = "Col2Im"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        if let rank = data.rank, rank != 3 { throw ModelError(.invalidGraph, "input 0 is \(data), 3 dimensions are needed") }
        guard let image = try call.integers(1) else { return [Fact(data.elementType)] }
        let block = try call.integers(2).map { Dim.product($0) } ?? .unknown
        let first = data.dims.map { [$0[0], block.isPositive ? $0[1].floorDiv(block) : .unknown] } ?? [.unknown, .unknown]
        return [Fact(data.elementType, first + image.map(\.ifSize))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        try data.checkRank(3, "input 0")
        guard let image = try call.ints(1), let block = try call.ints(2), image.count == block.count, !image.isEmpty else {
            throw ModelError(.invalidGraph, "image_shape and block_shape must have as many sizes, at least one")
        }
        let axes = image.count
        let dilations = try call.ints("dilations") ?? [Int](repeating: 1, count: axes)
        let strides = try call.ints("strides") ?? [Int](repeating: 1, count: axes)
        let pads = try call.ints("pads") ?? [Int](repeating: 0, count: 2 * axes)
        guard dilations.count == axes, strides.count == axes, pads.count == 2 * axes, (image + block + dilations + strides).allSatisfy({ $0 >= 1 && $0 <= 1 << 30 }),
            pads.allSatisfy({ $0 >= 0 && $0 <= 1 << 30 })
        else { throw ModelError(.invalidGraph, "image \(image), block \(block), dilations \(dilations), strides \(strides), pads \(pads) do not fit") }
        let blocks = (0..<axes).map { axis in
            let room = image[axis] + pads[axis] + pads[axes + axis] - dilations[axis] * (block[axis] - 1) - 1
            return room < 0 ? 0 : room / strides[axis] + 1
        }
        let size = try checkedCount(block), area = try checkedCount(image)
        guard try data.dims[2] == checkedCount(blocks), data.dims[1] % size == 0 else {
            throw ModelError(.invalidGraph, "columns of \(data.dims) for blocks \(block) at \(blocks) places: [_, channels * \(size), \(try checkedCount(blocks))] is needed")
        }
        let dims = [data.dims[0], data.dims[1] / size] + image
        _ = try checkedCount(dims)
        let kernel = Kernel(planes: dims[0] * dims[1], size: size, area: area, image: image, block: block, blocks: blocks) { axis, part, place in
            place * strides[axis] - pads[axis] + part * dilations[axis]
        }
        return [.tensor(try data.computing(kernel, dims, call))]
    }

    private struct Kernel: RealKernel {
        let planes: Int
        let size: Int
        let area: Int
        let image: [Int]
        let block: [Int]
        let blocks: [Int]
        /// Where on an axis of the image a part of a block lies.
        let place: (_ axis: Int, _ part: Int, _ place: Int) -> Int

        func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T> {
            let count = blocks.reduce(1, *), strides = denseStrides(image), parts = denseStrides(block)
            let result = try NewElements<T>(planes * area, filledWith: 0)
            guard data.count > 0 else { return result }
            for part in 0..<size {
                // Nil: it falls into the padding.
                var targets: [Int?] = [0]
                for axis in image.indices {
                    let own = (0..<blocks[axis]).map { place(axis, part / parts[axis] % block[axis], $0) }
                    let (dim, step) = (image[axis], strides[axis])
                    targets = targets.flatMap { target in
                        own.map { place in
                            guard let target, place >= 0, place < dim else { return nil }
                            return target + place * step
                        }
                    }
                }
                for plane in 0..<planes {
                    let column = (plane * size + part) * count
                    for (index, target) in targets.enumerated() { if let target { result[plane * area + target] += data[column + index] } }
                }
            }
            return result
        }
    }
}
