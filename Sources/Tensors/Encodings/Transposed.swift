internal import CKernels

/// The values of a matrix [R, C] whose transpose [C, R] is stored for another tensor, as exporters do with tied embeddings.
public struct Transposed: Equatable, Sendable {
    /// The stored matrix, plain; dims are those of the tensor, swapped.
    public var of: Tensor

    public init(of: Tensor) {
        self.of = of
    }
}

extension Transposed {
    /// Throws unless `dims` are those of a matrix of whole bytes whose transpose is stored plainly.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard dims.count == 2 else { throw ModelError(.damagedFile, "a transposed tensor has dims \(dims), it must be a matrix") }
        guard let bits = elementType.bitWidth, bits >= 8 else {
            throw ModelError(.damagedFile, "a transposed tensor is \(elementType), its elements must have whole bytes")
        }
        try within("stored matrix") {
            guard of.elementType == elementType, of.dims == [dims[1], dims[0]] else {
                throw ModelError(.damagedFile, "is \(of.elementType) of dims \(of.dims), it must be \(elementType) of dims \([dims[1], dims[0]])")
            }
            guard case .plain = of.encoding else { throw ModelError(.damagedFile, "is \(of.encodingName), it must be plain") }
            try of.checkEncoding()
        }
    }
}

/// The bytes of a transposed matrix, made in bands of rows, of which the latest is kept. Safe for several threads.
final class TransposedSource: ByteSource, @unchecked Sendable {
    private let stored: TensorBytes
    /// Of the tensor, not of what is stored.
    private let rows: Int
    private let columns: Int
    private let width: Int
    private let bandRows: Int
    private let lock = Lock()
    private var band: OwnedMemory?
    private var bandStart = -1
    let count: Int
    private static let bandBytes = 1 << 22

    init(_ transposed: Transposed, dims: [Int]) throws {
        stored = try transposed.of.plainBytes()
        rows = dims[0]
        columns = dims[1]
        width = (transposed.of.elementType.bitWidth ?? 8) / 8
        count = stored.count
        // Each band needs all of what is stored: where that must be inflated, there are no more than eight.
        let size = stored.isInPlace ? Self.bandBytes : max(Self.bandBytes, count / 8)
        bandRows = max(1, min(rows, size / max(1, columns * width)))
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        let rowBytes = columns * width
        try lock.locked {
            var done = 0
            while done < target.count {
                let at = offset + done, start = at / rowBytes / bandRows * bandRows
                let memory = try fill(start)
                let from = at - start * rowBytes, length = unsafe min(target.count - done, memory.bytes.count - from)
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[done..<done + length])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[from..<from + length]))
                done += length
            }
        }
    }

    /// The band of rows from `start` on.
    private func fill(_ start: Int) throws -> OwnedMemory {
        if let band, bandStart == start { return band }
        let height = min(bandRows, rows - start)
        let memory = try OwnedMemory(byteCount: height * columns * width)
        // What is stored has `columns` rows of `rows` elements; as many at a time as make up a piece.
        let group = stored.isInPlace ? columns : max(1, min(columns, (1 << 20) / (rows * width)))
        for first in stride(from: 0, to: columns, by: group) {
            let last = min(columns, first + group)
            try unsafe stored.slice(first * rows * width..<last * rows * width).withUnsafeBytes { bytes in
                unsafe thimble_transpose(
                    bytes.baseAddress! + start * width, last - first, height, rows, memory.bytes.baseAddress! + first * width, columns,
                    UInt32(width))
            }
        }
        band = memory
        bandStart = start
        return memory
    }
}
