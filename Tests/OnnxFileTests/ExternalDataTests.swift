import Foundation
import ModelGraph
@testable import OnnxFile
import Tensors
import TestSupport
import Testing

@Suite struct ExternalDataTests {
    private let folder: TemporaryFolder
    private let data = [UInt8](0..<100)

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.write(data, "w.bin")
    }

    /// The body of a tensor of 16 bytes elsewhere.
    private func tensor(_ entries: [(String, String)], type: Int64 = 1) -> [UInt8] {
        let places = entries.flatMap { Wire.bytes(13, Wire.text(1, $0.0) + Wire.text(2, $0.1)) }
        return Wire.number(1, 4) + Wire.number(2, type) + places + Wire.number(14, 1)
    }

    private func failure(_ entries: [(String, String)], followLinks: Bool = false) throws -> String {
        let path = try folder.write(Wire.model(tensor: tensor(entries)))
        return try OnnxFileTests.failure(at: path, followLinks: followLinks)
    }

    private func bytes(_ entries: [(String, String)], followLinks: Bool = false) throws -> [UInt8] {
        let path = try folder.write(Wire.model(tensor: tensor(entries)))
        let contents = try OnnxFile.read(path, options: OnnxFile.ReadOptions(followLinks: followLinks))
        guard case .plain(let bytes) = contents.model.graph.initializers[0].encoding else { return [] }
        return try bytes.array()
    }

    @Test func takesAllKeys() throws {
        #expect(try bytes([("location", "w.bin")]) == Array(data.prefix(16)))
        #expect(try bytes([("location", "./w.bin"), ("offset", "84")]) == Array(data.suffix(16)))
        #expect(try bytes([("location", "w.bin"), ("offset", "3"), ("length", "16")]) == Array(data[3..<19]))
        let checksum = "29f5b00c8a9f5ca8a84c09dbcd8cb0e5fcf9d5ab"
        let sha = try run("/usr/bin/sha1sum", ["\(folder.path)/w.bin"]).output.prefix(40)
        #expect(try bytes([("location", "w.bin"), ("checksum", String(sha).uppercased())]) == Array(data.prefix(16)))
        #expect(try failure([("location", "w.bin"), ("checksum", checksum)])
            == "initializer 'w': external data 'w.bin': its SHA-1 is \(sha), the model says \(checksum); the file is damaged or of another model")
    }

    @Test func opensAFileOnceAndWarnsOfUnknownKeys() throws {
        let entries = [("location", "w.bin"), ("colour", "red")]
        let graph = Wire.bytes(5, tensor(entries) + Wire.text(8, "a")) + Wire.bytes(5, tensor(entries) + Wire.text(8, "b"))
        let contents = try OnnxFile.read(folder.write(Wire.model(graph: graph)))
        #expect(contents.dataFiles.count == 1)
        #expect(contents.warnings.map(\.place) == [["initializer 'a'"], ["initializer 'b'"]])
        #expect(contents.warnings[0].message.contains("'colour'"))
    }

    static let refusedPlaces: [(location: String, message: String)] = [
        ("", "the location is empty"),
        ("/etc/hostname", "the location is an absolute path; it must lie in the model's folder"),
        ("//etc/hostname", "the location is an absolute path; it must lie in the model's folder"),
        ("../w.bin", "the location holds '..'; it must lie in the model's folder"),
        ("a/../w.bin", "the location holds '..'; it must lie in the model's folder"),
        ("..\\w.bin", "the location holds a backslash; folders are divided by '/'"),
        ("C:w.bin", "the location begins with a drive letter; it must lie in the model's folder"),
        ("w.bin\0x", "the location holds a NUL byte"),
        (".", "is not a regular file"),
        ("nowhere.bin", "there is no such file in the model's folder; it must lie beside the model"),
        ("~/w.bin", "there is no such file in the model's folder; it must lie beside the model"),
        ("http://127.0.0.1:9/w.bin", "there is no such file in the model's folder; it must lie beside the model"),
    ]

    @Test(arguments: refusedPlaces.indices)
    func refusesPlacesOutsideTheFolder(_ index: Int) throws {
        let (location, message) = Self.refusedPlaces[index]
        #expect(try failure([("location", location)]) == "initializer 'w': external data '\(printable(location))': \(message)")
    }

    @Test func refusesNumbersThatAreNotPlainDecimals() throws {
        for number in ["-1", "+5", " 1", "0x10", "abc", "", "9223372036854775808", String(repeating: "9", count: 400)] {
            let message = try failure([("location", "w.bin"), ("offset", number)])
            #expect(message.hasPrefix("initializer 'w': external data has offset '\(printable(number))', expected decimal digits"), "\(message)")
        }
    }

    @Test func refusesRangesOutsideTheFile() throws {
        let beyond = "initializer 'w': external data 'w.bin': needs 16 bytes from byte 85 on, the file has 100; it may be cut off"
        #expect(try failure([("location", "w.bin"), ("offset", "85")]) == beyond)
        #expect(try failure([("location", "w.bin"), ("offset", "9223372036854775807")]).contains("from byte 9223372036854775807 on"))
        #expect(try failure([("location", "w.bin"), ("length", "15")])
            == "initializer 'w': external data has length 15, dims [4] of FLOAT need 16")
    }

    @Test func refusesKeysTwiceAndNone() throws {
        #expect(try failure([("location", "w.bin"), ("location", "x.bin")]) == "initializer 'w': external data names its location twice")
        #expect(try failure([("offset", "0")]) == "initializer 'w': external data has no location")
    }

    @Test func refusesLinksUnlessTheyAreWanted() throws {
        let outside = try TemporaryFolder()
        _ = try outside.write(data, "real.bin")
        let manager = FileManager.default
        try manager.createSymbolicLink(atPath: folder.path + "/link.bin", withDestinationPath: outside.path + "/real.bin")
        try manager.createSymbolicLink(atPath: folder.path + "/inside.bin", withDestinationPath: "w.bin")
        try manager.createSymbolicLink(atPath: folder.path + "/loop.bin", withDestinationPath: "loop.bin")
        try manager.createSymbolicLink(atPath: folder.path + "/d", withDestinationPath: outside.path)
        try manager.linkItem(atPath: outside.path + "/real.bin", toPath: folder.path + "/hard.bin")
        for name in ["link.bin", "inside.bin", "d/real.bin", "hard.bin"] {
            let message = try failure([("location", name)])
            #expect(message.contains("--follow-links") && message.contains("'\(name)'"), "\(message)")
            #expect(try bytes([("location", name)], followLinks: true) == Array(data.prefix(16)))
        }
        #expect(try failure([("location", "loop.bin")], followLinks: true).contains("is not a regular file"))
    }

    @Test(.timeLimit(.minutes(1))) func neverWaitsForAFIFO() throws {
        unsafe mkfifo(folder.path + "/pipe", 0o600)
        #expect(try failure([("location", "pipe")]) == "initializer 'w': external data 'pipe': is not a regular file")
    }

    /// The same rules wherever a tensor can be.
    @Test func refusesEscapesFromEveryPlace() throws {
        let bad = tensor([("location", "../x")]), scalar = Wire.number(2, 1) + Wire.bytes(9, [0, 0, 0, 0])
        let constant = { (body: [UInt8]) in Wire.text(2, "y") + Wire.text(4, "Constant") + Wire.bytes(5, Wire.text(1, "v") + body) }
        let node = constant(Wire.bytes(5, bad) + Wire.number(20, 4))
        let inner = Wire.bytes(1, node)
        let models: [[UInt8]] = [
            Wire.model(graph: Wire.bytes(5, bad + Wire.text(8, "w"))),
            Wire.model(graph: Wire.bytes(15, Wire.bytes(1, bad + Wire.text(8, "w")))),
            Wire.model(graph: Wire.bytes(15, Wire.bytes(1, scalar + Wire.text(8, "w")) + Wire.bytes(2, bad))),
            Wire.model(graph: inner),
            Wire.model(graph: Wire.bytes(1, constant(Wire.bytes(10, scalar) + Wire.bytes(10, bad) + Wire.number(20, 9)))),
            Wire.model(graph: Wire.bytes(1, constant(Wire.bytes(22, Wire.bytes(1, bad)) + Wire.number(20, 11)))),
            Wire.model(graph: Wire.bytes(1, constant(Wire.bytes(6, inner) + Wire.number(20, 5)))),
            Wire.model(graph: []) + Wire.bytes(25, Wire.text(1, "F") + Wire.bytes(7, node)),
            Wire.model(graph: []) + Wire.bytes(25, Wire.text(1, "F") + Wire.bytes(11, Wire.text(1, "d") + Wire.bytes(5, bad) + Wire.number(20, 4))),
            Wire.model(graph: []) + Wire.bytes(20, Wire.bytes(1, inner)),
        ]
        for (index, model) in models.enumerated() {
            let message = try OnnxFileTests.failure(at: folder.write(model))
            #expect(message.contains("external data '../x': the location holds '..'"), "place \(index): \(message)")
        }
    }

    @Test func refusesStringsElsewhere() throws {
        let path = try folder.write(Wire.model(tensor: tensor([("location", "w.bin")], type: 8)))
        #expect(try OnnxFileTests.failure(at: path)
            == "initializer 'w': a STRING tensor with its data in another file, which ONNX does not allow")
        let both = Wire.model(tensor: tensor([("location", "w.bin")]) + Wire.bytes(9, [1]))
        #expect(try OnnxFileTests.failure(at: folder.write(both)) == "initializer 'w': has its data in another file and in raw_data")
    }

    @Test func writesInlineAndBesideTheModel() throws {
        var graph = Wire.bytes(5, Wire.number(1, 4) + Wire.number(2, 1) + Wire.bytes(9, Wire.floats([1, 2, 3, 4])) + Wire.text(8, "small"))
        for name in ["a", "b"] {
            let values = (0..<300).map { Float($0) }
            graph += Wire.bytes(5, Wire.number(1, 300) + Wire.number(2, 1) + Wire.bytes(4, Wire.floats(values)) + Wire.text(8, name))
        }
        let source = try OnnxFile.read(folder.write(Wire.model(graph: graph)))
        let out = folder.path + "/out.onnx"
        let written = try OnnxFile.write(source.model, to: out, options: OnnxFile.WriteOptions(externalData: .always))
        #expect(written.dataFile?.path == out + ".data")
        #expect(written.dataFile?.byteCount == 4096 + 1200)
        let outside = try OnnxFile.read(out)
        #expect(outside.dataFiles.count == 1)
        #expect(outside.model.graph.initializers.map(\.origin.field) == [.raw, .external, .external])
        #expect(outside.model.graph.initializers.map(\.encoding) == source.model.graph.initializers.map(\.encoding))
        // And inside again: as Python's `onnx` has it after loading.
        let back = folder.path + "/back.onnx"
        #expect(try OnnxFile.write(outside.model, to: back).dataFile == nil)
        let inside = try OnnxFile.read(back).model
        #expect(inside.graph.initializers.map(\.encoding) == source.model.graph.initializers.map(\.encoding))
        #expect(inside.graph.initializers.map(\.origin.dataLocation) == [nil, 0, 0])
        #expect(inside.graph.initializers.flatMap(\.origin.externalData) == [])
    }

    @Test func leavesNothingBehindWhenWritingFails() throws {
        let values = TensorBytes([UInt8](repeating: 0, count: 2000))
        let graph = Graph(initializers: [Tensor(name: "a", .uint8, dims: [2000], bytes: values), Tensor(name: "b", .uint8, dims: [3], bytes: values)])
        let before = folder.contents
        #expect(throws: ModelError.self) {
            try OnnxFile.write(Model(graph: graph), to: folder.path + "/out.onnx", options: OnnxFile.WriteOptions(externalData: .always))
        }
        #expect(folder.contents == before)
    }
}
