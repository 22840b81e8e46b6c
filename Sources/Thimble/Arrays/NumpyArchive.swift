internal import Tensors

/// `.npz`: named arrays in a zip file.
enum NumpyArchive {
    /// The arrays by name, in the order of the directory.
    static func read(_ path: String) throws -> [(name: Name, tensor: Tensor)] {
        let file = try MappedFile(path)
        return try within(printable(path)) {
            let archive = try ZipArchive(file)
            return try archive.members.map { member in
                try within("'\(printable(member.name))'") { (try arrayName(member), try NumpyArray.read(archive.bytes(member))) }
            }
        }
    }

    /// The names alone.
    static func names(_ path: String) throws -> [Name] {
        let file = try MappedFile(path)
        return try within(printable(path)) { try ZipArchive(file).members.map { member in try within("'\(printable(member.name))'") { try arrayName(member) } } }
    }

    private static func arrayName(_ member: ZipArchive.Member) throws -> Name {
        guard member.name.utf8.suffix(4).elementsEqual(".npy".utf8) else {
            throw ModelError(.unsupported, "is no array: arrays in an .npz have names that end in .npy")
        }
        return Name(String(decoding: member.name.utf8.dropLast(4), as: UTF8.self))
    }

    /// Writes the arrays, not compressed, each beginning at a multiple of 64 bytes. The names must differ. The same arrays give the same
    /// bytes: members carry no time.
    static func write(_ arrays: [(name: Name, tensor: Tensor)], to path: String, replacing: Bool) throws {
        let output = try OutputFile(path, replacing: replacing)
        var directory: [UInt8] = [], names: Set<Name> = []
        for (name, tensor) in arrays {
            try within("array '\(name)'") {
                guard names.insert(name).inserted else { throw ModelError(.badArgument, "is there twice") }
                directory += try member(name, tensor, output)
            }
        }
        guard arrays.count < 0xffff, output.position + directory.count < 0xffff_ffff else {
            throw ModelError(.limit, "an .npz of more than 4 GiB or 65,534 arrays is not written")
        }
        let start = output.position
        try output.append(directory)
        let count = bytes(arrays.count, 2)
        try output.append(bytes(0x0605_4b50, 4) + bytes(0, 4) + count + count + bytes(directory.count, 4) + bytes(start, 4) + bytes(0, 2))
        try output.commit()
    }

    /// Appends one member and returns its entry for the directory.
    private static func member(_ name: Name, _ tensor: Tensor, _ output: OutputFile) throws -> [UInt8] {
        let (header, data) = try NumpyArray.file(tensor)
        let fileName = name.bytes + Array(".npy".utf8), offset = output.position, size = header.count + data.count
        guard size < 0xffff_ffff, fileName.count < 0xffff else { throw ModelError(.limit, "an array of more than 4 GiB is not written") }
        var crc = Checksum.crc32(header)
        try data.forEachPiece { piece in crc = unsafe piece.withUnsafeBytes { unsafe Checksum.crc32($0, from: crc) } }
        // Version 2.0; names are UTF-8 (bit 11); stored; 1 January 1980.
        let common = bytes(20, 2) + bytes(1 << 11, 2) + bytes(0, 2) + bytes(0, 2) + bytes(0x21, 2) + bytes(Int(crc), 4) + bytes(size, 4) + bytes(size, 4)
            + bytes(fileName.count, 2)
        // An extra field of a private kind brings the data to the border.
        let padding = (64 - (offset + 30 + fileName.count + 4) % 64) % 64
        try output.append(bytes(0x0403_4b50, 4) + common + bytes(4 + padding, 2) + fileName + bytes(0x4d54, 2) + bytes(padding, 2) + bytes(0, padding))
        try output.append(header)
        try data.forEachPiece { try output.append($0) }
        return bytes(0x0201_4b50, 4) + bytes(20, 2) + common + bytes(0, 2) + bytes(0, 2) + bytes(0, 2) + bytes(0, 2) + bytes(0, 4) + bytes(offset, 4) + fileName
    }

    private static func bytes(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
    }
}
