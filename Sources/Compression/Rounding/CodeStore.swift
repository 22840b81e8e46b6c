internal import Tensors

/// Where codes are kept between rounding and writing: in memory while they are few, in a file without a name beyond.
final class CodeStore: Sendable {
    private let file: ScratchFile?
    private let mapped: MappedFile?

    /// Bytes of codes that may stay in memory.
    static let memoryLimit = 24 << 20

    /// Room for `count` bytes at once; `folder` is where a file would be.
    init(byteCount count: Int, folder: String) throws {
        file = count > Self.memoryLimit ? try ScratchFile(in: folder, byteCount: count) : nil
        mapped = try file?.mapped()
    }

    /// Bytes to be written.
    enum Room: Sendable {
        case memory(OwnedMemory)
        case file(ScratchFile, MappedFile, Range<Int>)

        /// Lends them; threads write to different parts.
        func withBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
            switch self {
            case .memory(let memory): try unsafe body(memory.bytes)
            case .file(let file, _, let range): try unsafe body(file.pointer(range))
            }
        }

        /// The first `count` of them, which nobody writes to any more.
        func finished(_ count: Int) throws -> TensorBytes {
            switch self {
            case .memory(let memory): TensorBytes(memory).slice(0..<count)
            case .file(_, let mapped, let range): try TensorBytes(mapped, range.lowerBound..<range.lowerBound + count)
            }
        }
    }

    func room(_ range: Range<Int>) throws -> Room {
        guard let file, let mapped else { return .memory(try OwnedMemory(byteCount: range.count)) }
        return .file(file, mapped, range)
    }
}
