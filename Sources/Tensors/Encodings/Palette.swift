/// Each value (or run of `vector` values along the last axis) is an index into a table. No arithmetic is done.
public struct Palette: Equatable, Sendable {
    /// Bits of an index, 1...8.
    public var bits: Int
    /// As in `Affine`; nil for one table.
    public var block: [Int]?
    /// Values per index, at least 1.
    public var vector: Int
    /// LSB-first stream of indices.
    public var indices: TensorBytes
    /// dims = grid + [2^bits, vector], of the tensor's element type, plain.
    public var table: Tensor

    public init(bits: Int, block: [Int]?, vector: Int, indices: TensorBytes, table: Tensor) {
        self.bits = bits
        self.block = block
        self.vector = vector
        self.indices = indices
        self.table = table
    }
}

extension Palette {
    /// Throws if a rule of section 4.3 is broken. Looks at sizes only.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard (1...8).contains(bits) else { throw ModelError(.damagedFile, "palette indices have \(bits) bits, they must have 1 to 8") }
        guard (1...65535).contains(vector) else { throw ModelError(.damagedFile, "a palette entry has \(vector) values, it must have 1 to 65,535") }
        guard elementType.bitWidth != nil else { throw ModelError(.damagedFile, "palette values are \(elementType), which has no fixed size") }
        guard let count = elementCount(of: dims) else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        let grid = try Grid(block: block, dims: dims)
        if vector > 1 {
            guard let last = dims.last, last % vector == 0 else {
                throw ModelError(.damagedFile, "entries of \(vector) values do not divide the last axis of dims \(dims)")
            }
            if let length = block?.last, length % vector != 0 {
                throw ModelError(.damagedFile, "entries of \(vector) values do not divide the block of \(length) on the last axis")
            }
        }
        try CodeStream.check(indices, count: ceilDivide(count, vector), bits: bits, what: "palette indices")
        try within("table") {
            let expected = grid.cells + [1 << bits, vector]
            guard table.dims == expected else { throw ModelError(.damagedFile, "has dims \(table.dims), it must have \(expected)") }
            guard table.elementType == elementType else { throw ModelError(.damagedFile, "is \(table.elementType), the tensor is \(elementType)") }
            guard case .plain = table.encoding else { throw ModelError(.damagedFile, "is \(table.encodingName), it must be plain") }
            try table.checkEncoding()
        }
    }

    /// The plain bytes of one cell's table and indices into them; for entries of one value.
    package static func encode(_ indices: [Int32], bits: Int) -> TensorBytes {
        TensorBytes(CodeStream.pack(indices, bits: bits))
    }
}

final class PaletteDecoder: ElementDecoder {
    private let palette: Palette
    private let grid: Grid
    private let table: PlainElements
    /// Units of one cell's table, of the cell that was used last.
    private var entries: [UInt8]
    private var cell = -1
    private var indices: [Int32]
    let unitWidth: Int
    private static let block = 4096

    init(_ palette: Palette, dims: [Int], elementType: ElementType) throws {
        self.palette = palette
        grid = try Grid(block: palette.block, dims: dims)
        let bits = elementType.bitWidth ?? 8
        table = PlainElements(try palette.table.plainBytes(), bits: bits)
        unitWidth = max(1, bits / 8)
        entries = [UInt8](repeating: 0, count: (1 << palette.bits) * palette.vector * unitWidth)
        indices = [Int32](repeating: 0, count: Self.block)
    }

    func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        let vector = palette.vector
        var start = range.lowerBound
        while start < range.upperBound {
            let firstIndex = start / vector
            let end = min(range.upperBound, (firstIndex + Self.block) * vector)
            let count = ceilDivide(end, vector) - firstIndex
            try unsafe indices.withUnsafeMutableBufferPointer { indices in
                try unsafe CodeStream.unpack(
                    palette.indices, bits: palette.bits, isSigned: false, from: firstIndex,
                    into: UnsafeMutableBufferPointer(rebasing: indices[..<count]))
            }
            try grid.forEachRun(of: start..<end) { first, count, cell in
                try load(cell)
                unsafe copy(first..<first + count, firstIndex: firstIndex, to: target, at: (first - range.lowerBound) * unitWidth)
            }
            start = end
        }
    }

    private func load(_ cell: Int) throws {
        guard cell != self.cell else { return }
        let count = (1 << palette.bits) * palette.vector
        try unsafe entries.withUnsafeMutableBytes { try unsafe table.decode(cell * count..<(cell + 1) * count, into: $0) }
        self.cell = cell
    }

    private func copy(_ elements: Range<Int>, firstIndex: Int, to target: UnsafeMutableRawBufferPointer, at offset: Int) {
        let vector = palette.vector, width = unitWidth
        var at = offset
        for element in elements {
            let entry = (Int(indices[element / vector - firstIndex]) * vector + element % vector) * width
            for byte in 0..<width { unsafe target[at + byte] = entries[entry + byte] }
            at += width
        }
    }
}
