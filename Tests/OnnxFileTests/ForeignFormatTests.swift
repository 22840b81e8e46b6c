import ModelGraph
@testable import OnnxFile
import Testing

@Suite struct ForeignFormatTests {
    static let cases: [(bytes: [UInt8], word: String)] = [
        ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "gzip"), (Array("PK\u{3}\u{4}....".utf8), "zip archive"),
        ([0x28, 0xb5, 0x2f, 0xfd, 0], "zstd"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz"), (Array("BZh9".utf8), "bzip2"),
        (Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".utf8), "git lfs pull"),
        (Array("<!DOCTYPE html><html></html>".utf8), "HTML page"), (Array("\n <html>".utf8), "HTML page"),
        (Array("{\"irVersion\":\"8\"}".utf8), "JSON"), (Array("This is not a model.\n".utf8), "is text"),
        (Array("ir_version: 8\ngraph {\n}\n".utf8), "protobuf's text format"),
        (Array("<ir_version: 8, opset_import: [\"\" : 17]>\nagraph".utf8), "ONNX's text syntax"),
        ([20, 0, 0, 0] + Array("ORTM".utf8) + [0, 0], "ORT format"), ([28, 0, 0, 0] + Array("TFL3".utf8) + [0, 0], "TensorFlow Lite"),
        ([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), "safetensors"), (Array("GGUF".utf8) + [3, 0, 0, 0], "GGUF"),
        ([0x89] + Array("PNG\r\n".utf8), "PNG"), ([0x89] + Array("THM\r\n".utf8) + [0x1a, 0x0a, 1], ".thimble"),
        ([0x93] + Array("NUMPY".utf8) + [1, 0], "NumPy"), ([0x80, 2, 0x63], "pickle"), ([0xef, 0xbb, 0xbf, 8, 8], "byte order mark"),
        ([UInt8](repeating: 0, count: 4096), "zero bytes"), (Wire.number(1, 1) + Wire.number(2, 1) + Wire.bytes(9, [0, 0, 0, 0]), "TensorProto"),
        (Wire.number(1, 8) + Wire.text(2, "maker"), "no graph"),
    ]

    @Test(arguments: cases.indices)
    func saysWhatAFileIsInstead(_ index: Int) throws {
        let (bytes, word) = Self.cases[index]
        let message = try failure(bytes)
        #expect(message.contains(word), "\(message)")
    }

    @Test func refusesAnEmptyFile() throws {
        #expect(try failure([]) == "the file is empty")
    }

    /// A model that begins like text, or has unknown fields like another format's first bytes, is a model.
    @Test func neverRefusesAModel() throws {
        let bytes = Wire.text(15, "}") + Wire.model(graph: [])
        #expect(try read(bytes).model.unknownFields == Wire.text(15, "}"))
    }
}
