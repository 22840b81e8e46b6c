import Foundation
import Tensors

@testable import ThimbleFile

/// Values in a file that holds nothing else: 64 bytes for the header, the segments, 64 bytes for the metadata.
struct PayloadFixture: Sendable {
    var bytes: [UInt8]
    var tables: PayloadTables
    var ids: [Int] = []
    var metadata: Range<Int>
    let plainByteCount: Int
    let sharedByteCount: Int

    init(_ tensors: [Tensor], options: ThimbleFile.WriteOptions = ThimbleFile.WriteOptions()) throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let output = try OutputFile(path, replacing: false)
        try output.append([UInt8](repeating: 0, count: 64))
        let writer = try PayloadWriter(output, options: options)
        for tensor in tensors { ids.append(try writer.add(tensor)) }
        tables = try writer.finish()
        try output.pad(to: 64)
        metadata = output.position..<output.position + 64
        try output.append([UInt8](repeating: 0xff, count: 64))
        try output.commit()
        bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        plainByteCount = writer.plainByteCount
        sharedByteCount = writer.sharedByteCount
    }

    static func temporaryPath() -> String { NSTemporaryDirectory() + "payload-\(UUID().uuidString)" }

    /// Opens what `bytes` and `tables` are now.
    func reader(maxDecoded: Int = 1 << 30) throws -> PayloadReader {
        let path = Self.temporaryPath()
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try PayloadReader(tables, file: MappedFile(path), metadata: metadata, maxDecoded: maxDecoded)
    }

    func refusal(maxDecoded: Int = 1 << 30) -> String? {
        do {
            _ = try reader(maxDecoded: maxDecoded)
            return nil
        } catch {
            return "\(error)"
        }
    }

    func findings() throws -> [String] { try reader().verify { "payload \($0)" } }

    /// Bytes of segments, with inline ones.
    var storedByteCount: Int { tables.segments.reduce(0) { $0 + $1.storedSize } }
}

extension Tensor {
    init(_ type: ElementType, _ dims: [Int], _ bytes: [UInt8]) {
        self.init(type, dims: dims, bytes: TensorBytes(bytes))
    }
}
