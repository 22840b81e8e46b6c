internal import Tensors

/// The members of a zip file, as far as `.npz` needs it: stored or deflated, no encryption, one disk. Believes nothing: the
/// directory must end where the file ends, each member's own header must say what the directory says, members must not overlap,
/// names must differ, sizes and checksums must be right (PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.3).
struct ZipArchive {
    struct Member {
        let name: String
        let isDeflated: Bool
        let crc: UInt32
        let stored: Range<Int>
        let byteCount: Int
    }

    let file: MappedFile
    let members: [Member]
    /// The most bytes that all members together may take.
    static let byteLimit = 1 << 36
    static let memberLimit = 1 << 16

    init(_ file: MappedFile) throws {
        self.file = file
        let bytes = ZipBytes(file)
        let directory = try ZipDirectoryEnd(bytes)
        var members: [Member] = [], position = directory.range.lowerBound, total = 0
        var names: Set<Name> = []
        for _ in 0..<directory.memberCount {
            let entry = try ZipEntry(bytes, at: position, end: directory.range.upperBound)
            position = entry.end
            total = checkedAdd(total, entry.byteCount) ?? .max
            guard total <= Self.byteLimit else { throw ModelError(.limit, "its members take more than \(printable(bytes: Self.byteLimit))") }
            guard names.insert(Name(entry.name)).inserted else { throw ModelError(.damagedFile, "holds '\(printable(entry.name))' twice") }
            members.append(try within("'\(printable(entry.name))'") { try entry.member(bytes, before: directory.range.lowerBound) })
        }
        guard position == directory.range.upperBound else { throw ModelError(.damagedFile, "its directory has \(directory.range.upperBound - position) bytes too many") }
        let sorted = members.map(\.stored).sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.upperBound > next.lowerBound {
            throw ModelError(.damagedFile, "two members overlap at byte \(next.lowerBound)")
        }
        self.members = members
    }

    /// The content of a member, checked.
    func bytes(_ member: Member) throws -> TensorBytes {
        let stored = try TensorBytes(file, member.stored)
        var content = stored
        if member.isDeflated {
            guard ChunkDecoder.isPossible(stored: stored.count, inflated: member.byteCount) else {
                throw ModelError(.damagedFile, "claims to inflate \(stored.count) bytes to \(member.byteCount), more than deflate can")
            }
            let memory = try OwnedMemory(byteCount: member.byteCount)
            try unsafe stored.withUnsafeBytes { try unsafe ChunkDecoder.inflate($0, into: memory.bytes, isRaw: true) }
            content = TensorBytes(memory)
        }
        guard try Self.checksum(content) == member.crc else { throw ModelError(.damagedFile, "its checksum is wrong: the file is damaged") }
        return content
    }

    /// Piece by piece, read past the mapping: an archive of many samples does not become resident.
    private static func checksum(_ content: TensorBytes) throws -> UInt32 {
        let step = 1 << 18, piece = try OwnedMemory(byteCount: min(step, content.count))
        var crc = Checksum.crc32([])
        for start in stride(from: 0, to: content.count, by: step) {
            let end = min(content.count, start + step), part = unsafe UnsafeMutableRawBufferPointer(rebasing: piece.bytes[..<(end - start)])
            try unsafe content.read(start..<end, into: part)
            crc = unsafe Checksum.crc32(UnsafeRawBufferPointer(part), from: crc)
        }
        return crc
    }
}

/// Little-endian numbers of a file, every access checked.
struct ZipBytes {
    let file: MappedFile
    var count: Int { file.count }

    init(_ file: MappedFile) { self.file = file }

    func number(_ offset: Int, _ width: Int) throws -> Int {
        guard offset >= 0, width <= count, offset <= count - width else { throw ModelError(.damagedFile, "is cut off at byte \(count)") }
        let value = file.withBytes(offset..<offset + width) { bytes in
            (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(unsafe bytes.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) }
        }
        guard let number = Int(exactly: value) else { throw ModelError(.damagedFile, "says \(value) at byte \(offset), more than any file has") }
        return number
    }

    func array(_ range: Range<Int>) throws -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= count else { throw ModelError(.damagedFile, "is cut off at byte \(count)") }
        return try TensorBytes(file, range).array()
    }
}

/// Where the directory lies: the record at the end of the file, and the 64-bit one before it where a number does not fit.
private struct ZipDirectoryEnd {
    let range: Range<Int>
    let memberCount: Int

    init(_ bytes: ZipBytes) throws {
        guard let end = try Self.find(bytes) else { throw ModelError(.damagedFile, "is no zip file, or is cut off: it has no directory at its end") }
        var numbers = (count: try bytes.number(end + 10, 2), size: try bytes.number(end + 12, 4), offset: try bytes.number(end + 16, 4))
        guard try bytes.number(end + 4, 2) == 0, try bytes.number(end + 6, 2) == 0, try bytes.number(end + 8, 2) == numbers.count else {
            throw ModelError(.unsupported, "is part of a zip of several files")
        }
        var last = end
        if numbers.count == 0xffff || numbers.size == 0xffff_ffff || numbers.offset == 0xffff_ffff {
            guard end >= 20, try bytes.number(end - 20, 4) == 0x0706_4b50 else { throw ModelError(.damagedFile, "has no 64-bit directory where it needs one") }
            last = try bytes.number(end - 12, 8)
            guard last <= end - 76, try bytes.number(last, 4) == 0x0606_4b50 else { throw ModelError(.damagedFile, "its 64-bit directory is not where it should be") }
            numbers = (try bytes.number(last + 32, 8), try bytes.number(last + 40, 8), try bytes.number(last + 48, 8))
        }
        guard let directoryEnd = checkedAdd(numbers.offset, numbers.size), directoryEnd == last else {
            throw ModelError(.damagedFile, "its directory of \(numbers.size) bytes at \(numbers.offset) does not end at byte \(last), where it must")
        }
        guard numbers.count <= ZipArchive.memberLimit else { throw ModelError(.limit, "has \(numbers.count) members, the limit is \(ZipArchive.memberLimit)") }
        range = numbers.offset..<directoryEnd
        memberCount = numbers.count
    }

    /// The record whose comment reaches to the end of the file.
    private static func find(_ bytes: ZipBytes) throws -> Int? {
        var position = bytes.count - 22
        while position >= 0, position >= bytes.count - 22 - 0xffff {
            if try bytes.number(position, 4) == 0x0605_4b50, try bytes.number(position + 20, 2) == bytes.count - position - 22 { return position }
            position -= 1
        }
        return nil
    }
}

/// One entry of the directory.
private struct ZipEntry {
    let name: String
    let flags: Int
    let method: Int
    let crc: Int
    let storedCount: Int
    let byteCount: Int
    let offset: Int
    /// Where the next entry begins.
    let end: Int

    init(_ bytes: ZipBytes, at start: Int, end limit: Int) throws {
        guard start <= limit - 46, try bytes.number(start, 4) == 0x0201_4b50 else { throw ModelError(.damagedFile, "its directory has no entry at byte \(start)") }
        flags = try bytes.number(start + 8, 2)
        method = try bytes.number(start + 10, 2)
        crc = try bytes.number(start + 16, 4)
        let nameCount = try bytes.number(start + 28, 2), extraCount = try bytes.number(start + 30, 2), commentCount = try bytes.number(start + 32, 2)
        end = start + 46 + nameCount + extraCount + commentCount
        guard end <= limit else { throw ModelError(.damagedFile, "an entry of its directory at byte \(start) reaches beyond the directory") }
        guard let name = String(validating: try bytes.array(start + 46..<start + 46 + nameCount), as: UTF8.self), !name.utf8.contains(0) else {
            throw ModelError(.damagedFile, "the name of a member at byte \(start) is not UTF-8, or has a NUL")
        }
        self.name = name
        var sizes = [try bytes.number(start + 24, 4), try bytes.number(start + 20, 4), try bytes.number(start + 42, 4)]
        try ZipEntry.widen(&sizes, bytes, start + 46 + nameCount..<start + 46 + nameCount + extraCount)
        (byteCount, storedCount, offset) = (sizes[0], sizes[1], sizes[2])
    }

    /// Numbers that are 2^32 − 1 stand in the extra field 1, in order.
    private static func widen(_ numbers: inout [Int], _ bytes: ZipBytes, _ extra: Range<Int>) throws {
        guard numbers.contains(0xffff_ffff) else { return }
        var position = extra.lowerBound
        while position <= extra.upperBound - 4 {
            let kind = try bytes.number(position, 2), count = try bytes.number(position + 2, 2)
            guard count <= extra.upperBound - position - 4 else { break }
            if kind == 1 {
                var at = position + 4
                for index in numbers.indices where numbers[index] == 0xffff_ffff {
                    guard at <= position + 4 + count - 8 else { break }
                    numbers[index] = try bytes.number(at, 8)
                    at += 8
                }
                return
            }
            position += 4 + count
        }
        throw ModelError(.damagedFile, "a member has no 64-bit size where it needs one")
    }

    /// The member, if its own header agrees.
    func member(_ bytes: ZipBytes, before directory: Int) throws -> ZipArchive.Member {
        guard flags & 1 == 0 else { throw ModelError(.unsupported, "is encrypted") }
        guard method == 0 || method == 8 else { throw ModelError(.unsupported, "is compressed by method \(method); stored (0) and deflate (8) can be read") }
        guard offset <= directory - 30, try bytes.number(offset, 4) == 0x0403_4b50 else { throw ModelError(.damagedFile, "has no header at byte \(offset)") }
        let nameCount = try bytes.number(offset + 26, 2), extraCount = try bytes.number(offset + 28, 2)
        let start = offset + 30 + nameCount + extraCount
        guard start <= directory, storedCount <= directory - start else { throw ModelError(.damagedFile, "reaches beyond the directory at byte \(directory)") }
        var sizes = [try bytes.number(offset + 22, 4), try bytes.number(offset + 18, 4)]
        try ZipEntry.widen(&sizes, bytes, start - extraCount..<start)
        // With bit 3 the sizes may stand behind the data instead.
        let comesLater = flags & 8 != 0 && sizes == [0, 0]
        let agrees = try bytes.array(offset + 30..<offset + 30 + nameCount) == Array(name.utf8) && bytes.number(offset + 6, 2) == flags
            && bytes.number(offset + 8, 2) == method && (comesLater || sizes == [byteCount, storedCount] && bytes.number(offset + 14, 4) == crc)
        guard agrees else { throw ModelError(.damagedFile, "its header at byte \(offset) says something else than the directory") }
        guard method == 8 || storedCount == byteCount else { throw ModelError(.damagedFile, "is stored in \(storedCount) bytes, its size is \(byteCount)") }
        return ZipArchive.Member(
            name: name, isDeflated: method == 8, crc: UInt32(truncatingIfNeeded: crc), stored: start..<start + storedCount, byteCount: byteCount)
    }
}
