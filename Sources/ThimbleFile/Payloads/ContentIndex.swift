import Tensors

/// Finds bytes that were stored before, whatever they belong to. Candidates share a checksum of a few places; they are compared
/// in full before they count as equal.
final class ContentIndex {
    private struct Key: Hashable {
        let count: Int
        let crc32: UInt32
        let adler32: UInt32
    }

    private var contents: [TensorBytes] = []
    /// The first content with these samples.
    private var bySample: [Key: Int] = [:]
    /// Contents that share samples with another, by checksums of all their bytes.
    private var byAll: [Key: [Int]] = [:]
    private var isInByAll: Set<Int> = []
    private static let sampled = 1 << 16
    /// Checksums of 64 bits collide only on purpose; who does that is not shared with.
    private static let mostCompared = 4

    /// The content equal to `bytes`; nil if there is none.
    func find(_ bytes: TensorBytes) throws -> Int? {
        guard let first = bySample[try Self.key(bytes, sampling: true)] else { return nil }
        if try isEqual(first, bytes) { return first }
        try indexAll(first)
        return try byAll[Self.key(bytes, sampling: false), default: []].first { try isEqual($0, bytes) }
    }

    /// Adds content that `find` does not find and returns its number.
    func add(_ bytes: TensorBytes) throws -> Int {
        let number = contents.count
        contents.append(bytes)
        let key = try Self.key(bytes, sampling: true)
        if bySample[key] == nil { bySample[key] = number } else { try indexAll(number) }
        return number
    }

    private func indexAll(_ number: Int) throws {
        guard isInByAll.insert(number).inserted else { return }
        let key = try Self.key(contents[number], sampling: false)
        if byAll[key, default: []].count < Self.mostCompared { byAll[key, default: []].append(number) }
    }

    private func isEqual(_ number: Int, _ bytes: TensorBytes) throws -> Bool {
        defer {
            contents[number].release(0..<bytes.count)
            bytes.release(0..<bytes.count)
        }
        return contents[number] == bytes
    }

    private static func key(_ bytes: TensorBytes, sampling: Bool) throws -> Key {
        var crc: UInt32 = 0, adler: UInt32 = 1
        var buffer = [UInt8](repeating: 0, count: min(bytes.count, sampled))
        func add(_ range: Range<Int>) throws {
            for start in stride(from: range.lowerBound, to: range.upperBound, by: max(1, buffer.count)) {
                let part = start..<min(range.upperBound, start + buffer.count)
                try unsafe buffer.withUnsafeMutableBytes { buffer in
                    let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<part.count])
                    try unsafe bytes.read(part, into: target)
                    crc = unsafe Checksum.crc32(UnsafeRawBufferPointer(target), from: crc)
                    adler = unsafe Checksum.adler32(UnsafeRawBufferPointer(target), from: adler)
                }
            }
        }
        if sampling, bytes.count >= sampled {
            try add(0..<4096)
            for quarter in 1...3 {
                let start = bytes.count / 4 * quarter
                try add(start..<start + 1024)
            }
            try add(bytes.count - 4096..<bytes.count)
        } else {
            try add(0..<bytes.count)
        }
        return Key(count: bytes.count, crc32: crc, adler32: adler)
    }
}
