import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import ThimbleFile

/// Each rule of the header has a sentence of its own.
@Suite struct HeaderTests {
    let folder: TemporaryFolder
    let good: FileBytes

    init() throws {
        folder = try TemporaryFolder()
        let path = folder("good.thimble")
        _ = try ThimbleFile.write(.small, to: path, options: ThimbleFile.WriteOptions(plainMetadata: true))
        good = try FileBytes(path)
    }

    private func refusal(_ bytes: [UInt8]) throws -> ModelError? {
        let path = try folder.write(bytes, "changed.thimble")
        let error = #expect(throws: ModelError.self) { try ThimbleFile.read(path) }
        #expect(error?.place.first == path)
        #expect(throws: ModelError.self) { try ThimbleFile.list(path) }
        return error
    }

    private func refusal(repairing: Bool = true, _ change: (inout FileBytes) -> Void) throws -> ModelError? {
        var file = good
        change(&file)
        if repairing { file.repairHeader() }
        return try refusal(file.bytes)
    }

    @Test func theUnchangedFileIsRead() throws {
        var file = good
        file.repair()
        #expect(file.bytes == good.bytes)
        #expect(try ThimbleFile.read(folder.write(file.bytes, "same.thimble")).model == .small)
    }

    @Test(arguments: [
        ([0x08, 0x0a, 0x12, 0x00], "looks like an ONNX model"), (Array("PK\u{3}\u{4}....".utf8), "ZIP archive"),
        ([0x1f, 0x8b, 8, 0], "gzip"), (Array("GGUF\u{3}".utf8), "GGUF"), ([UInt8](repeating: 0, count: 70), "interrupted"),
        ([0x89, 0x54, 0x48, 0x4d, 0x0a, 0x1a, 0x0a, 0x01, 0x00], "text mode"), (Array("hello, world".utf8), "text: 'hello, world'"),
        ([0xff, 0xfe, 0x00, 0x80], "ff fe 00 80"), ([0x89, 0x54], "within the first 8 bytes"),
        ([0x1c, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33], "TensorFlow Lite"), ([9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22], "safetensors"),
    ] as [([UInt8], String)])
    func namesWhatTheFileLooksLike(start: [UInt8], words: String) throws {
        let error = try refusal(start)
        #expect(error?.message.contains("not a .thimble file") == true)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("newer major", 8, 2, "format 2.0"), ("header size", 12, 72, "72 bytes, 64"), ("reserved bytes", 52, 1, "reserved bytes"),
        ("reserved bytes", 59, 1, "reserved bytes"), ("compression that is none", 16, 1, "no zlib stream"),
        ("unknown feature", 16, 2, "feature bit 1"), ("unknown feature", 19, 0x80, "feature bit 31"), ("longer", 24, 0, "something was added"),
        ("shorter", 31, 1, "its end is missing"), ("huge", 31, 0xff, "more than any file"), ("metadata not aligned", 32, 1, "multiple of 64"),
        ("metadata outside", 36, 1, "the file ends at"), ("metadata of two lengths", 44, 1, "not compressed"),
        ("metadata too large", 47, 0xff, "less than 2^31"), ("metadata checksum", 48, 1, "metadata is damaged"),
    ] as [(String, Int, UInt8, String)])
    func saysWhatIsWrong(what: String, offset: Int, value: UInt8, words: String) throws {
        let error = try refusal { $0.bytes[offset] = $0.bytes[offset] == value ? value + 1 : value }
        #expect(error?.description.contains(words) == true, "\(what): \(error?.description ?? "")")
    }

    @Test func saysThatTheHeaderIsDamaged() throws {
        #expect(try refusal(repairing: false) { $0.bytes[40] ^= 1 }?.message.contains("header is damaged") == true)
    }

    @Test func refusesMetadataThatCannotInflateSoFar() throws {
        let error = try refusal {
            $0.put(1 as UInt32, at: 16)
            $0.put(UInt32.max / 2, at: 44)
        }
        #expect(error?.message.contains("deflate cannot do that") == true)
    }

    @Test func refusesMoreMetadataThanTheLimit() throws {
        var file = FileBytes(metadata: [UInt8](repeating: 0, count: 300_000))
        file.put(1 as UInt32, at: 16)
        file.put(UInt32(257 << 20), at: 44)
        file.repairHeader()
        #expect(try refusal(file.bytes)?.code == .limit)
    }

    @Test func minorVersionsAndIgnorableFeaturesAreNoReasonToRefuse() throws {
        var file = good
        file.put(9 as UInt16, at: 10)
        file.put(UInt32.max, at: 20)
        file.repairHeader()
        let path = try folder.write(file.bytes, "newer.thimble")
        #expect(try ThimbleFile.read(path).model == .small)
        #expect(try ThimbleFile.list(path).minorVersion == 9)
    }

}
