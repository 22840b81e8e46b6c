internal import Tensors

/// CRC-32 of a whole file, a piece at a time, so that the file need not stay in memory.
func checksum(of file: MappedFile) -> UInt32 {
    var crc: UInt32 = 0
    var start = 0
    while start < file.count {
        let piece = start..<min(file.count, start + 1 << 20)
        crc = unsafe Checksum.crc32(file.pointer(piece), from: crc)
        file.release(piece)
        start = piece.upperBound
    }
    return crc
}
