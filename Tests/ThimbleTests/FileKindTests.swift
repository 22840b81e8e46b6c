import Testing

@testable import Thimble

@Suite struct FileKindTests {
    @Test func followsFromTheEnding() {
        #expect(FileKind(ending: "a/model.onnx") == .onnx)
        #expect(FileKind(ending: "model.thimble") == .thimble)
        #expect(FileKind(ending: "model.ONNX") == nil)
        #expect(FileKind(ending: "onnx") == nil)
        #expect(FileKind(ending: "folder/.onnx") == nil)
        #expect(FileKind(ending: "model.onnx/") == .onnx)
        // The dot and the mark behind it are one character of Swift, and the ending still ends the bytes.
        #expect(FileKind(ending: "a\u{301}.onnx") == .onnx)
    }

    @Test func defaultOutputStandsBesideTheInput() {
        #expect(Thimble.defaultOutput(for: "a/m.onnx", of: .onnx) == "a/m.thimble")
        #expect(Thimble.defaultOutput(for: "m.thimble", of: .thimble) == "m.onnx")
        #expect(Thimble.defaultOutput(for: "blob", of: .onnx) == "blob.thimble")
    }

    @Test func optionsHaveOneSpelling() {
        #expect(ConversionOptions().canonical == "zlib=0 plain_metadata=0")
        #expect(ConversionOptions(zlib: true, plainMetadata: true, replacing: true, threads: 1).canonical == "zlib=1 plain_metadata=1")
    }
}
