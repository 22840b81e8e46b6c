import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import ThimbleFile

/// What happens to a file on its way: nothing is read wrongly, nothing traps.
@Suite struct DamageTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    static let options = [
        ThimbleFile.WriteOptions(plainMetadata: true, replacing: true), ThimbleFile.WriteOptions(replacing: true),
        ThimbleFile.WriteOptions(zlib: true, replacing: true),
    ]

    private func smallFile(_ options: ThimbleFile.WriteOptions) throws -> FileBytes {
        let path = folder("small.thimble")
        _ = try ThimbleFile.write(.small, to: path, options: options)
        return try FileBytes(path)
    }

    /// Nil if the file is refused.
    private func read(_ file: ScratchFile) throws -> ThimbleFile.Contents? {
        do {
            return try ThimbleFile.read(file.path)
        } catch is ModelError {
            return nil
        }
    }

    @Test(arguments: options.indices) func everyPrefixIsRefused(index: Int) throws {
        let file = try smallFile(Self.options[index])
        let scratch = try ScratchFile(folder, file.bytes)
        #expect(try read(scratch) != nil)
        for count in file.bytes.indices.reversed() {
            try scratch.truncate(count)
            #expect(try read(scratch) == nil, "first \(count) bytes")
        }
    }

    @Test(arguments: options.indices) func everyChangedByteIsRefused(index: Int) throws {
        let file = try smallFile(Self.options[index])
        let scratch = try ScratchFile(folder, file.bytes)
        for (position, byte) in file.bytes.enumerated() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] as [UInt8] {
                try scratch.put([byte ^ change], at: position)
                #expect(try read(scratch) == nil, "byte \(position) changed by \(change)")
            }
            try scratch.put([byte], at: position)
        }
        #expect(try read(scratch) != nil)
    }

    @Test func everyByteAddedAtTheEndIsRefused() throws {
        let file = try smallFile(Self.options[0])
        for byte in [0, 1, 0xff] as [UInt8] { #expect(try read(ScratchFile(folder, file.bytes + [byte])) == nil) }
    }

    /// Calls `body` with what is read after each change of the metadata that makes the checksums right again, if it is read.
    private func forge(_ positions: StrideTo<Int>, _ values: (FileBytes, Int) -> [[UInt8]], _ body: (ThimbleFile.Contents, String) throws -> Void) throws {
        var file = try smallFile(Self.options[0])
        let scratch = try ScratchFile(folder, file.bytes)
        let start = file.metadata.lowerBound
        for position in positions.lazy.map({ start + $0 }) {
            for value in values(file, position) where position + value.count <= file.metadata.upperBound {
                let range = position..<position + value.count
                let original = Array(file.bytes[range])
                file.bytes.replaceSubrange(range, with: value)
                file.repair()
                try scratch.put(value, at: position)
                try scratch.put(file.bytes[0..<64], at: 0)
                if let contents = try read(scratch) { try body(contents, "byte \(position): \(original) became \(value)") }
                file.bytes.replaceSubrange(range, with: original)
                try scratch.put(original, at: position)
            }
        }
    }

    /// Somebody who makes the checksums right gets a refusal, or a model that can be read to its last value and written again.
    @Test func forgedBytesAreRefusedOrReadCompletely() throws {
        let count = try smallFile(Self.options[0]).metadata.count
        var accepted = 0
        try forge(stride(from: 0, to: count, by: 1), { file, position in [1, 4, 128, 255].map { [file.bytes[position] ^ $0] } }) { contents, what in
            accepted += 1
            let again = folder("\(accepted).thimble")
            do {
                _ = try ThimbleFile.write(contents.model, to: again)
                #expect(try ThimbleFile.read(again).model == contents.model, "\(what)")
            } catch let error as ModelError {
                #expect(error.code != .internalFault, "\(what): \(error)")
            }
        }
        #expect(accepted > 0)
    }

    @Test func forgedNumbersAreRefusedOrReadCompletely() throws {
        let count = try smallFile(Self.options[0]).metadata.count
        let nasty: [UInt64] = [0, 1, .max, 1 << 31, 1 << 31 - 1, 1 << 32 - 1, 1 << 63 - 1, 1 << 63]
        let values = [2, 4, 8].flatMap { width in
            Set(nasty.map { value in (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } })
        }
        try forge(stride(from: 0, to: count, by: 2), { _, position in values.filter { position % $0.count == 0 } }) { contents, what in
            #expect(contents.model.graph.initializers.allSatisfy(touch), "\(what)")
        }
    }

    /// True if all values are there or say why not.
    private func touch(_ tensor: Tensor) -> Bool {
        guard case .plain(let bytes) = tensor.encoding else { return true }
        do {
            return try bytes.array().count == bytes.count
        } catch {
            return error is ModelError
        }
    }
}
