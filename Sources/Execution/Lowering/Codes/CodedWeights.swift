internal import ModelGraph
internal import Operators
internal import Tensors

/// A constant of binary32 numbers that the model has as codes: an Affine or Palette tensor of a `.thimble`, or what a DequantizeLinear
/// makes of constants. Kernels that take it never see more of it as numbers than a panel.
struct CodedWeights {
    enum Form {
        /// (code - zero) * scale, the zero point a number; nil: 0.
        case affine(scale: Tensor, zero: Tensor?)
        /// table[code], 2^bits entries for each cell.
        case palette(Tensor)
    }

    let form: Form
    /// A stream, LSB first.
    let codes: TensorBytes
    let bits: Int
    let isSigned: Bool
    let dims: [Int]
    /// Codes from one element to the next, per axis.
    let steps: [Int]
    /// Elements that share a cell, per axis, at most the dim; and cells from one to the next.
    let block: [Int]
    let cellSteps: [Int]
    /// What it is made of: the model's own constants, or none if some are not.
    let identities: [Int]

    var elementCount: Int { dims.reduce(1, *) }
}

extension Unfolding {
    /// Nil unless the value is a constant in codes, of FLOAT: numbers of the narrower types were rounded to them after decoding.
    func coded(_ id: ValueID) -> CodedWeights? {
        guard values[id].fact.elementType == .float else { return nil }
        switch values[id].source {
        case .constant(let constant): return constant.isEncoded ? CodedWeights(constant.tensor, [constant.number]) : nil
        case .folded(let item, 0) where item.operatorName == "DequantizeLinear": return dequantized(item)
        default: return nil
        }
    }

    private func dequantized(_ item: Item) -> CodedWeights? {
        guard item.inputs.count >= 2, let x = item.inputs[0], let s = item.inputs[1], let codes = try? tensor(x), let scale = try? tensor(s),
            scale.elementType == .float, case .plain(let bytes) = codes.encoding, let width = codes.elementType.bitWidth, width <= 16,
            let isSigned = codes.elementType.isSignedInteger
        else { return nil }
        let zero = item.inputs.count > 2 ? item.inputs[2] : nil
        let zeros = zero.flatMap { try? tensor($0) }
        guard zero == nil || zeros?.elementType == codes.elementType && zeros?.dims == scale.dims else { return nil }
        let dims = codes.dims, stated = item.integer("axis", 1), axis = stated < 0 ? stated + dims.count : stated, size = item.integer("block_size", 0)
        var block = dims
        if scale.elementCount != 1 || size > 0 {
            guard dims.indices.contains(axis), !dims.contains(0) else { return nil }
            if size > 0 {
                block = dims.map { _ in 1 }
                block[axis] = min(size, dims[axis])
                guard scale.dims == zip(dims, block).map({ ceilDivide($0, $1) }) else { return nil }
            } else {
                guard scale.dims == [dims[axis]] else { return nil }
                block[axis] = 1
            }
        }
        let constants = [x, s, zero].compactMap { $0 }.map { id -> Int? in
            if case .constant(let constant) = values[id].source { constant.number } else { nil }
        }
        return CodedWeights(
            form: .affine(scale: scale, zero: zeros), codes: bytes, bits: width, isSigned: isSigned, dims: dims, steps: denseStrides(dims), block: block,
            cellSteps: denseStrides(zip(dims, block).map { ceilDivide($0, max(1, $1)) }), identities: constants.contains(nil) ? [] : constants.compactMap { $0 })
    }
}

extension CodedWeights {
    fileprivate init?(_ tensor: Tensor, _ identities: [Int]) {
        let block: [Int]?
        switch tensor.encoding {
        case .affine(let affine):
            (form, codes, bits, isSigned) = (.affine(scale: affine.scale, zero: affine.zeroPoint), affine.codes, affine.bits, affine.isSigned)
            block = affine.block
        case .palette(let palette) where palette.vector == 1:
            (form, codes, bits, isSigned) = (.palette(palette.table), palette.indices, palette.bits, false)
            block = palette.block
        default: return nil
        }
        guard (try? tensor.checkEncoding()) != nil, !tensor.dims.contains(0), let grid = try? Grid(block: block, dims: tensor.dims) else { return nil }
        dims = tensor.dims
        steps = denseStrides(dims)
        self.block = block == nil ? dims : zip(grid.block, dims).map { min($0, $1) }
        cellSteps = block == nil ? dims.map { _ in 0 } : denseStrides(grid.cells)
        self.identities = identities
    }

    /// Scales, or the entries of tables, cell by cell.
    func numbers() throws -> [Float] {
        switch form {
        case .affine(let scale, _): try scale.floats("scales").array
        case .palette(let table): try table.floats("a table").array
        }
    }

    /// Zero points of affine codes, cell by cell.
    func zeros() throws -> [Float] {
        guard case .affine(let scale, let zero) = form else { return [] }
        return try zero.map { try $0.smallNumbers() } ?? [Float](repeating: 0, count: scale.elementCount ?? 0)
    }

    /// Calls `body` with codes and the number of the first, part by part along an axis: all at once where they lie in place, else what is
    /// inflated. `multiple`: parts begin at such an index of the axis, which must be the slowest.
    func forEachPart(axis: Int, multiple: Int, _ body: (_ codes: UnsafeRawBufferPointer, _ first: Int, _ part: Range<Int>) throws -> Void) throws {
        if codes.hasAddress {
            try unsafe codes.withUnsafeBytes { try unsafe body($0, 0, 0..<dims[axis]) }
            codes.release(0..<codes.count)
            return
        }
        let length = max(1, Self.partBytes * 8 / (bits * max(1, steps[axis]) * multiple)) * multiple
        for start in stride(from: 0, to: dims[axis], by: length) {
            let end = min(dims[axis], start + length)
            // Streams are cut where a byte begins.
            let first = start * steps[axis] / 8 * 8, bytes = first * bits / 8..<ceilDivide(end * steps[axis] * bits, 8)
            try unsafe codes.slice(bytes).withUnsafeBytes { try unsafe body($0, first, start..<end) }
        }
    }

    private static let partBytes = 1 << 19
}

extension ElementType {
    /// Nil for what is no integer.
    fileprivate var isSignedInteger: Bool? {
        switch self {
        case .int8, .int4, .int2, .int16: true
        case .uint8, .uint4, .uint2, .uint16: false
        default: nil
        }
    }
}

extension Tensor {
    /// Numbers of a float tensor, or of one of integers of up to 16 bits.
    fileprivate func smallNumbers() throws -> [Float] {
        guard let isSigned = elementType.isSignedInteger, let bits = elementType.bitWidth else { return try floats("zero points").array }
        return try CodeStream.unpack(plainBytes(), bits: bits, isSigned: isSigned, range: 0..<(elementCount ?? 0)).map { Float($0) }
    }
}
