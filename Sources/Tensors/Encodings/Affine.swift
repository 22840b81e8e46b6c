internal import CKernels

/// Uniform quantization over a grid of cells: value = (code - zero point) * scale.
///
/// Grid: `block[i]` is the cell's length on axis i, 0 for the whole axis; the grid has `ceil(dims[i] / block[i])` cells there.
/// No `block`: one cell. Per-channel on axis k: 1 at k, 0 elsewhere. Groups of 32 on the last axis: 0, …, 0, 32.
public struct Affine: Equatable, Sendable {
    /// Bits of a code, 2...16.
    public var bits: Int
    /// Codes in two's complement.
    public var isSigned: Bool
    /// One entry per axis, or nil for one cell.
    public var block: [Int]?
    /// LSB-first stream of codes, row-major.
    public var codes: TensorBytes
    /// dims = grid; FLOAT, FLOAT16, BFLOAT16 or FLOAT8E8M0; plain or a palette.
    public var scale: Tensor
    /// dims = grid; nil for 0.
    public var zeroPoint: Tensor?

    public init(bits: Int, isSigned: Bool, block: [Int]?, codes: TensorBytes, scale: Tensor, zeroPoint: Tensor?) {
        self.bits = bits
        self.isSigned = isSigned
        self.block = block
        self.codes = codes
        self.scale = scale
        self.zeroPoint = zeroPoint
    }
}

extension Affine {
    /// Throws if a rule of section 4.2 is broken. Looks at sizes only.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard (2...16).contains(bits) else { throw ModelError(.damagedFile, "affine codes have \(bits) bits, they must have 2 to 16") }
        guard [.float, .float16, .bfloat16, .double].contains(elementType) else {
            throw ModelError(.damagedFile, "affine values are \(elementType), they must be FLOAT, FLOAT16, BFLOAT16 or DOUBLE")
        }
        guard let count = elementCount(of: dims) else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        let grid = try Grid(block: block, dims: dims)
        try CodeStream.check(codes, count: count, bits: bits, what: "affine codes")
        try within("scale") {
            try Self.checkGrid(scale, grid)
            guard FloatConversion.reads(scale.elementType) else {
                throw ModelError(.damagedFile, "is \(scale.elementType), it must be FLOAT, FLOAT16, BFLOAT16 or FLOAT8E8M0")
            }
            switch scale.encoding {
            case .plain, .palette: try scale.checkEncoding()
            default: throw ModelError(.damagedFile, "is \(scale.encodingName), it must be plain or a Palette")
            }
        }
        guard let zeroPoint else { return }
        try within("zero point") {
            try Self.checkGrid(zeroPoint, grid)
            let integers: [ElementType] = bits <= 8 ? [.uint8, .int8] : [.uint16, .int16]
            guard integers.contains(zeroPoint.elementType) || zeroPoint.elementType == scale.elementType else {
                throw ModelError(
                    .damagedFile, "is \(zeroPoint.elementType), it must be \(integers[0]), \(integers[1]) or the scale's \(scale.elementType)")
            }
            guard case .plain = zeroPoint.encoding else { throw ModelError(.damagedFile, "is \(zeroPoint.encodingName), it must be plain") }
            try zeroPoint.checkEncoding()
        }
    }

    private static func checkGrid(_ tensor: Tensor, _ grid: Grid) throws {
        guard tensor.dims == grid.cells else { throw ModelError(.damagedFile, "has dims \(tensor.dims), the grid \(grid.cells)") }
    }
}

/// Decodes in binary32, round to nearest even: `d = float(code) - float(zero point)`, `v = d * float(scale)`, then to the element type.
final class AffineDecoder: ElementDecoder {
    private let affine: Affine
    private let grid: Grid
    private let elementType: ElementType
    private let scales: ComponentWindow
    private let zeros: ComponentWindow?
    private var codes: [Int32] = []
    private var values: [Float] = []
    private static let block = 4096
    var unitWidth: Int { elementType.storageWidth }

    init(_ affine: Affine, dims: [Int], elementType: ElementType) throws {
        self.affine = affine
        self.elementType = elementType
        grid = try Grid(block: affine.block, dims: dims)
        scales = try ComponentWindow(affine.scale)
        zeros = try affine.zeroPoint.map { try ComponentWindow($0) }
        codes = [Int32](repeating: 0, count: Self.block)
        values = [Float](repeating: 0, count: Self.block)
    }

    func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        var start = range.lowerBound
        while start < range.upperBound {
            let part = start..<min(range.upperBound, start + Self.block)
            try decodeBlock(part)
            let at = (start - range.lowerBound) * unitWidth
            unsafe values.withUnsafeBufferPointer { values in
                unsafe FloatConversion.fromFloat(
                    UnsafeBufferPointer(rebasing: values[..<part.count]), elementType,
                    into: UnsafeMutableRawBufferPointer(rebasing: target[at..<at + part.count * unitWidth]))
            }
            start = part.upperBound
        }
    }

    private func decodeBlock(_ part: Range<Int>) throws {
        try unsafe codes.withUnsafeMutableBufferPointer { codes in
            try unsafe CodeStream.unpack(
                affine.codes, bits: affine.bits, isSigned: affine.isSigned, from: part.lowerBound,
                into: UnsafeMutableBufferPointer(rebasing: codes[..<part.count]))
        }
        try grid.forEachRun(of: part) { first, count, cell in
            let scale = try scales.value(cell), zero = try zeros?.value(cell) ?? 0
            let at = first - part.lowerBound
            unsafe codes.withUnsafeBufferPointer { codes in
                unsafe values.withUnsafeMutableBufferPointer { values in
                    unsafe thimble_affine(codes.baseAddress! + at, count, zero, scale, values.baseAddress! + at)
                }
            }
        }
    }
}

extension Affine {
    /// The nearest codes for `values`: `round(value / scale) + zero point`, ties to even, clipped to the codes' range. The
    /// scale and the zero point are plain floats, one per cell; a scale of 0 gives the zero point.
    package static func codes(
        for values: [Float], dims: [Int], bits: Int, isSigned: Bool, block: [Int]?, scale: [Float], zeroPoint: [Float]
    ) throws -> [Int32] {
        let grid = try Grid(block: block, dims: dims)
        let low = isSigned ? -(1 << (bits - 1)) : 0, high = low + (1 << bits) - 1
        var codes = [Int32](repeating: 0, count: values.count)
        grid.forEachRun(of: 0..<values.count) { first, count, cell in
            for index in first..<first + count {
                let quotient = scale[cell] == 0 ? 0 : values[index] / scale[cell]
                let rounded = quotient.rounded(.toNearestOrEven) + zeroPoint[cell]
                // NaN has no nearest code.
                codes[index] = rounded.isNaN ? Int32(low) : Int32(max(Float(low), min(Float(high), rounded)))
            }
        }
        return codes
    }
}
