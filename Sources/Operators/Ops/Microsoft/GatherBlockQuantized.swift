internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.GatherBlockQuantized`: cells of an axis of a table whose numbers are codes, with a scale, and perhaps a zero point, per block
/// along another axis. Codes are INT4 or UINT4, or 2, 4 or 8 bits packed along the last axis of UINT8, whose zero is the middle unless it is given.
package enum GatherBlockQuantized: Inferring, Runnable {
    package static let name: Name = "GatherBlockQuantized"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), indices = try call.tensor(1), scales = try call.tensor(2)
        guard var dims = data.dims, let places = indices.dims, let last = dims.last else { return [Fact(scales.elementType)] }
        let axis = try call.axis(call.int("gather_axis", 0), rank: dims.count), bits = try call.int("bits", 4)
        if data.elementType == .uint8, [2, 4].contains(bits) {
            dims[dims.count - 1] = last.value.flatMap { checkedMultiply($0, 8 / bits) }.map { .value($0) } ?? .unknown
        }
        return [Fact(scales.elementType, Array(dims[..<axis] + places + dims[(axis + 1)...]))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let table = try Table(call), indices = try call.tensor(1)
        let split = AxisSplit(table.dims, at: table.gatherAxis)
        let dims = Array(table.dims[..<table.gatherAxis]) + indices.dims + Array(table.dims[(table.gatherAxis + 1)...])
        let places = try indices.integers("input 1, the indices,"), result = try call.newElements(dims, Float.self)
        unsafe try result.withPointer { target in
            nonisolated(unsafe) let target = unsafe target
            let step = max(1, (1 << 14) / max(1, split.inner)), count = split.outer * places.count
            try concurrently(ceilDivide(count, step), threads: call.environment.threads) { part in
                for cell in part * step..<min(count, (part + 1) * step) {
                    let outer = cell / places.count, index = places[cell % places.count], out = unsafe target + cell * split.inner
                    // As ONNX Runtime has it, what is beyond the axis is 0.
                    guard index >= -split.dim, index < split.dim else {
                        unsafe out.update(repeating: 0, count: split.inner)
                        continue
                    }
                    unsafe table.decode(from: (outer * split.dim + (index < 0 ? index + split.dim : index)) * split.inner, count: split.inner, into: out)
                }
            }
        }
        return [.tensor(try Tensor.rounding(result, to: table.scaleType, dims))]
    }

    private struct Table: Sendable {
        /// Of the numbers that the codes stand for.
        let dims: [Int]
        let gatherAxis: Int
        let scaleType: ElementType
        private let bits: Int
        private let isSigned: Bool
        private let codes: Elements<UInt8>
        private let scales: Elements<Float>
        private let zeros: [Float]
        /// The zero point where none are given.
        private let middle: Float
        private let block: Int
        private let blocks: Int
        /// Along the axis that has the blocks.
        private let split: AxisSplit

        init(_ call: Call) throws {
            let data = try call.tensor(0), scale = try call.tensor(2), type = data.elementType
            bits = try call.int("bits", 4)
            block = try call.int("block_size", 128)
            guard [.uint8, .uint4, .int4].contains(type), bits == 4 || type == .uint8 && (bits == 2 || bits == 8), block >= 16, block <= 1 << 30, block & (block - 1) == 0
            else {
                throw ModelError(
                    .unsupported, "codes of \(bits) bits in \(type) in blocks of \(block); 4 bits in INT4 or UINT4, or 2, 4 or 8 in UINT8, in blocks of a power of two from 16 on are supported")
            }
            let perElement = type == .uint8 ? 8 / bits : 1
            guard let last = data.dims.last, let wide = checkedMultiply(last, perElement) else { throw ModelError(.invalidGraph, "codes have dims \(data.dims)") }
            let dims = data.dims.dropLast() + [wide], rank = dims.count
            gatherAxis = try call.axis(call.int("gather_axis", 0), rank: rank)
            let axis = try call.axis(call.int("quantize_axis", 1), rank: rank)
            guard type != .uint8 || gatherAxis == 0 && axis == rank - 1 && rank > 1 else {
                throw ModelError(.unsupported, "codes in UINT8 that are gathered along axis \(gatherAxis), with blocks along axis \(axis); 0 and the last are supported")
            }
            (self.dims, isSigned, scaleType) = (Array(dims), type == .int4, scale.elementType)
            middle = type == .uint8 ? Float(1 << (bits - 1)) : 0
            split = AxisSplit(self.dims, at: axis)
            blocks = ceilDivide(split.dim, block)
            codes = try data.elements(as: UInt8.self)
            scales = try scale.floats("the scales")
            guard scale.dims == self.dims.replacing(axis, with: blocks) else {
                throw ModelError(.invalidGraph, "scales of dims \(scale.dims) for codes of \(self.dims) in blocks of \(block) along axis \(axis)")
            }
            zeros = try Self.zeros(call, type, bits, scale.dims, axis)
        }

        private static func zeros(_ call: Call, _ type: ElementType, _ bits: Int, _ dims: [Int], _ axis: Int) throws -> [Float] {
            guard let tensor = try call.optionalTensor(3) else { return [] }
            let perElement = type == .uint8 ? 8 / bits : 1, blocks = dims[axis]
            guard tensor.elementType == type, tensor.dims == dims.replacing(axis, with: ceilDivide(blocks, perElement)) else {
                throw ModelError(.invalidGraph, "zero points are \(tensor.elementType) \(tensor.dims) for scales of \(dims)")
            }
            let bytes = try tensor.elements(as: UInt8.self), row = ceilDivide(blocks, perElement)
            return (0..<dims.reduce(1, *)).map { index in
                // Only UINT8 is packed row by row.
                let place = type == .uint8 ? (index / max(1, blocks) * row * perElement + index % max(1, blocks)) : index
                return code(bytes, at: place, bits: bits, isSigned: type == .int4)
            }
        }

        private static func code(_ bytes: Elements<UInt8>, at index: Int, bits: Int, isSigned: Bool) -> Float {
            let bit = index * bits, code = bytes[bit / 8] >> UInt8(bit % 8) & UInt8((1 << bits) - 1)
            return isSigned ? Float(Int8(bitPattern: code << 4) >> 4) : Float(code)
        }

        /// Numbers that lie one behind the other.
        func decode(from first: Int, count: Int, into target: UnsafeMutablePointer<Float>) {
            for index in first..<first + count {
                let inner = index % split.inner, along = index / split.inner % split.dim, outer = index / split.inner / split.dim
                let cell = (outer * blocks + along / block) * split.inner + inner
                let code = Self.code(codes, at: index, bits: bits, isSigned: isSigned)
                unsafe target[index - first] = (code - (zeros.isEmpty ? middle : zeros[cell])) * scales[cell]
            }
        }
    }
}
