import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing
import ThimbleFile

/// Files of format 1.0, written once and kept: every later version reads them and finds the same model.
///
/// To write those of a new release: `THIMBLE_WRITE_GOLDEN=1.0 swift test --filter GoldenTests` makes the files that are missing;
/// one that is there is never replaced.
@Suite struct GoldenTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
    static let kinds: [(name: String, options: ThimbleFile.WriteOptions)] = [
        ("plain", ThimbleFile.WriteOptions(plainMetadata: true)), ("zlib", ThimbleFile.WriteOptions(zlib: true, chunkLog2: 12)),
    ]
    static let writtenVersion = ProcessInfo.processInfo.environment["THIMBLE_WRITE_GOLDEN"]

    static var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".thimble") }.sorted()
    }

    /// The small model, with a tensor that compresses and is longer than a chunk.
    static var model: Model {
        var model = Model.small
        model.graph.initializers.append(
            Tensor(name: "long", .float, dims: [3000], bytes: TensorBytes((0..<12_000).map { UInt8(truncatingIfNeeded: $0 % 4 == 3 ? 63 : $0 / 40) })))
        return model
    }

    @Test(.enabled(if: writtenVersion != nil, "THIMBLE_WRITE_GOLDEN is not set")) func writeMissingFiles() throws {
        try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
        for (name, options) in Self.kinds {
            let path = Self.folder.appendingPathComponent("\(try #require(Self.writtenVersion))-\(name).thimble").path
            if FileManager.default.fileExists(atPath: path) { continue }
            _ = try ThimbleFile.write(Self.model, to: path, options: options)
        }
    }

    @Test(.enabled(if: !files.isEmpty, "there are no golden files yet"), arguments: files) func isReadForEver(name: String) throws {
        let path = Self.folder.appendingPathComponent(name).path
        #expect(try ThimbleFile.read(path).model == Self.model)
        #expect(try ThimbleFile.verify(path).isEmpty)
    }

    @Test(.enabled(if: !files.isEmpty, "there are no golden files yet"), arguments: files.filter { $0.hasPrefix("1.0-") })
    func isWrittenTheSameByThisVersion(name: String) throws {
        let kind = try #require(Self.kinds.first { name == "1.0-\($0.name).thimble" })
        let golden = Self.folder.appendingPathComponent(name).path
        let folder = try TemporaryFolder()
        _ = try ThimbleFile.write(ThimbleFile.read(golden).model, to: folder("again"), options: kind.options)
        #expect(try contents(folder("again")) == contents(golden))
    }
}
