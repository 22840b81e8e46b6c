internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Where a packed model goes, in order.
protocol ByteSink: AnyObject {
    func append(_ bytes: UnsafeRawBufferPointer) throws
    func append(_ payload: TensorBytes) throws
}

/// Into a file; payloads that are mapped are copied by the kernel.
final class FileSink: ByteSink {
    private let output: OutputFile

    init(_ output: OutputFile) {
        self.output = output
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try unsafe output.append(bytes)
    }

    func append(_ payload: TensorBytes) throws {
        // Below some size, a system call of its own costs more than the copy.
        if case .mapped(let file, let offset) = payload.place, payload.count >= 1 << 14 {
            try output.append(file, offset..<offset + payload.count)
        } else {
            try payload.forEachPiece { try output.append($0) }
        }
    }
}

/// Against a file: throws `Difference` at the first byte that is not the same.
final class ComparingSink: ByteSink {
    struct Difference: Error {}

    private let file: MappedFile
    private(set) var position = 0
    private var sparseReading = SparseReading()

    init(_ file: MappedFile) {
        self.file = file
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard unsafe !bytes.isEmpty else { return }
        let there = unsafe file.pointer(try take(bytes.count))
        guard unsafe memcmp(bytes.baseAddress!, there.baseAddress!, bytes.count) == 0 else { throw Difference() }
    }

    func append(_ payload: TensorBytes) throws {
        let range = try take(payload.count)
        if case .mapped(let other, let offset) = payload.place, other === file, offset == range.lowerBound {
            sparseReading.passed(range.count, in: file)
            return
        }
        guard payload == (try TensorBytes(file, range)) else { throw Difference() }
    }

    private func take(_ count: Int) throws -> Range<Int> {
        guard count <= file.count - position else { throw Difference() }
        defer { position += count }
        return position..<position + count
    }
}
