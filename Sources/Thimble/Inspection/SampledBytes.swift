internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

extension TensorBytes {
    /// A copy of `range`, which must lie within `0..<count`. Bytes of a mapped file are read with `pread`: a page that is looked at
    /// once through the mapping would stay resident with its neighbours, and a look at a large file would cost the memory of it.
    func copy(_ range: Range<Int>) throws -> [UInt8] {
        guard case .mapped(let file, let offset) = place else { return try slice(range).array() }
        return unsafe try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while count < range.count {
                let got = unsafe pread(
                    file.descriptor, buffer.baseAddress! + count, range.count - count, off_t(offset + range.lowerBound + count))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    if got < 0 { throw ModelError.system("cannot be read", at: printable(file.path)) }
                    throw ModelError(.io, "was shortened while it was read; run again when nothing writes to it", at: [printable(file.path)])
                }
                count += got
            }
        }
    }

    /// What tells whether two tensors are the same bytes at the same place: no look at the bytes is needed then.
    var location: Location? {
        switch place {
        case .owned, .memory: nil
        case .mapped(let file, let offset): Location(source: ObjectIdentifier(file), offset: offset, count: count)
        case .decoded(let source, let offset): Location(source: ObjectIdentifier(source), offset: offset, count: count)
        }
    }

    struct Location: Hashable {
        let source: ObjectIdentifier
        let offset: Int
        let count: Int
    }
}
