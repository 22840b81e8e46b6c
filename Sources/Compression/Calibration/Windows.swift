internal import ModelGraph
internal import Operators
internal import Tensors

/// The vectors that a convolution multiplies its kernel with: a window of the image at each place of the result (im2col). A transposed convolution has 0
/// where a tap of the kernel falls between two pixels.
struct Windows: Hashable, Sendable {
    let groups: Int
    let kernel: [Int]
    let strides: [Int]
    let dilations: [Int]
    let padsBefore: [Int]
    let padsAfter: [Int]
    private let isTransposed: Bool

    /// Nil for attributes that do not go with a kernel of these dims, [M, C / groups, kernel …], transposed [C, M / groups, kernel …]; of `auto_pad`, SAME is taken as a window in the middle.
    init?(_ node: Node, weight dims: [Int]) {
        let rank = dims.count - 2
        guard rank >= 1, let groups = node.groups else { return nil }
        self.groups = groups
        isTransposed = node.opType == "ConvTranspose"
        kernel = Array(dims[2...])
        strides = node.integers("strides") ?? [Int](repeating: 1, count: rank)
        dilations = node.integers("dilations") ?? [Int](repeating: 1, count: rank)
        guard strides.count == rank, dilations.count == rank, strides.allSatisfy({ (1...1 << 20).contains($0) }),
            dilations.allSatisfy({ (1...1 << 20).contains($0) })
        else { return nil }
        if let pads = node.integers("pads") {
            guard pads.count == 2 * rank, pads.allSatisfy({ abs($0) < 1 << 20 }) else { return nil }
            (padsBefore, padsAfter) = (Array(pads[..<rank]), Array(pads[rank...]))
        } else if case .string(let mode)? = node.attribute("auto_pad")?.value, String(decoding: mode, as: UTF8.self).hasPrefix("SAME") {
            let dilations = dilations
            let extra = kernel.enumerated().map { ($1 - 1) * dilations[$0] }
            padsBefore = extra.map { $0 / 2 }
            padsAfter = extra.map { $0 - $0 / 2 }
        } else {
            padsBefore = [Int](repeating: 0, count: rank)
            padsAfter = padsBefore
        }
    }

    /// Adds about `most` windows of each image of `input`, [N, C, …] or the same of several rounds, to the sums of their groups; `turn` says where among the
    /// places they begin.
    func add(_ input: Tensor, to sums: [MomentSums], most: Int, turn: Int) throws {
        let rank = kernel.count
        guard input.dims.count >= rank + 2, input.dims[input.dims.count - rank - 1] % groups == 0 else { return }
        let size = Array(input.dims.suffix(rank)), channels = input.dims[input.dims.count - rank - 1] / groups
        let images = input.dims.dropLast(rank + 1).reduce(1, *)
        var places: [Int] = []
        for axis in 0..<rank {
            let reach = (kernel[axis] - 1) * dilations[axis] + 1, pads = padsBefore[axis] + padsAfter[axis]
            let count = isTransposed ? (size[axis] - 1) * strides[axis] + reach - pads : (size[axis] + pads - reach + strides[axis]) / strides[axis]
            guard count > 0, size[axis] > 0, isTransposed || size[axis] + pads >= reach else { return }
            places.append(count)
        }
        let placeCount = places.reduce(1, *), area = size.reduce(1, *), taps = kernel.reduce(1, *)
        guard placeCount > 0, sums.allSatisfy({ $0.count == channels * taps }) else { return }
        let step = max(1, placeCount / max(1, most))
        let values = try input.floats("an activation")
        var window = [Float](repeating: 0, count: channels * taps), tapOffsets = [Int](repeating: -1, count: taps)
        for image in 0..<images {
            for place in stride(from: (turn &* 7919) % step, to: placeCount, by: step) {
                offsets(place, places, size, &tapOffsets)
                for group in 0..<groups {
                    unsafe values.withUnsafeBuffer { values in
                        for channel in 0..<channels {
                            let base = ((image * groups + group) * channels + channel) * area
                            for tap in 0..<taps { window[channel * taps + tap] = unsafe tapOffsets[tap] < 0 ? 0 : values[base + tapOffsets[tap]] }
                        }
                    }
                    unsafe window.withUnsafeBufferPointer { unsafe sums[min(group, sums.count - 1)].add($0) }
                }
            }
        }
    }

    /// Where each tap of the kernel lies in an image, −1: beyond its border.
    private func offsets(_ place: Int, _ places: [Int], _ size: [Int], _ result: inout [Int]) {
        let rank = kernel.count
        var start = [Int](repeating: 0, count: rank), rest = place
        for axis in (0..<rank).reversed() {
            let place = rest % places[axis]
            start[axis] = isTransposed ? place + padsBefore[axis] : place * strides[axis] - padsBefore[axis]
            rest /= places[axis]
        }
        for tap in result.indices {
            var rest = tap, offset = 0, unit = 1, isInside = true
            for axis in (0..<rank).reversed() {
                let step = rest % kernel[axis] * dilations[axis]
                var at = start[axis] + (isTransposed ? -step : step)
                rest /= kernel[axis]
                if isTransposed {
                    isInside = isInside && at % strides[axis] == 0
                    at = at >= 0 ? at / strides[axis] : -1
                }
                isInside = isInside && at >= 0 && at < size[axis]
                offset += at * unit
                unit *= size[axis]
            }
            result[tap] = isInside ? offset : -1
        }
    }
}
