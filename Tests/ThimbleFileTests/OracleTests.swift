import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import ThimbleFile

/// Programs that others wrote read our metadata: flatc, the code that it generates for C++, and Python's flatbuffers.
@Suite struct OracleTests {
    static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let flatc = find("flatc")
    static let compiler = find("g++").flatMap { FileManager.default.fileExists(atPath: "/usr/include/flatbuffers/flatbuffers.h") ? $0 : nil }
    static let python: String? = {
        let path = packageRoot.appendingPathComponent(".cache/python/bin/python").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    let folder: TemporaryFolder
    /// Metadata of `Model.small`, and what our reader says it holds.
    let metadata: [UInt8]
    let tables: MetadataReader

    init() throws {
        folder = try TemporaryFolder()
        let path = folder("small.thimble")
        _ = try ThimbleFile.write(.small, to: path, options: ThimbleFile.WriteOptions(plainMetadata: true))
        let file = try FileBytes(path)
        metadata = Array(file.bytes[file.metadata])
        tables = try MetadataReader(Self.buffer(metadata), budget: ReadBudget(memoryLimit: 1 << 30))
    }

    private static func find(_ program: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func buffer(_ bytes: [UInt8]) throws -> FlatBuffer {
        let memory = try OwnedMemory(byteCount: bytes.count)
        unsafe memory.bytes.copyBytes(from: bytes)
        return try unsafe FlatBuffer(UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    private var schema: String { Self.packageRoot.appendingPathComponent("Schemas/thimble.fbs").path }

    /// Runs a program to its end and returns what it printed.
    @discardableResult
    private func run(_ program: String, _ arguments: [String], input: String? = nil) throws -> Data {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.standardOutput = output
        if let input { process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input)) }
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program) \(arguments.joined(separator: " "))")
        return data
    }

    @Test(.enabled(if: flatc != nil, "flatc is not installed"))
    func flatcShowsTheSameContent() throws {
        let binary = try folder.write(metadata, "small.bin")
        try run(#require(Self.flatc), ["--json", "--strict-json", "-o", folder.path, schema, "--", binary])
        // JSON has no NaN; flatc prints one all the same.
        let text = try String(decoding: contents(folder("small.json")), as: UTF8.self).replacingOccurrences(of: ": nan", with: ": 0")
        let json = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["strings"] as? [String] == tables.strings.map(\.text))
        let ops = try #require(json["ops"] as? [[String: Any]])
        #expect(ops.map { $0["type"] as? String } == tables.operators.map { $0.type?.text })
        let payloads = try #require(json["payloads"] as? [[String: Any]])
        #expect(payloads.map { $0["dims"] as? [Int] ?? [] } == tables.tables.payloads.map(\.dims))
        #expect(payloads.map { $0["dtype"] as? String ?? "UNDEFINED" } == tables.tables.payloads.map { $0.elementType.name })
        #expect((json["segments"] as? [[String: Any]])?.compactMap { $0["raw_size"] as? Int } == tables.tables.segments.map(\.rawSize))
        let model = try #require((json["models"] as? [[String: Any]])?.first)
        let graph = try #require(model["graph"] as? [String: Any])
        #expect(model["producer_name"] as? String == "thimble tests")
        #expect((graph["nodes"] as? [[String: Any]])?.count == Model.small.graph.nodes.count)
    }

    @Test(.enabled(if: flatc != nil && python != nil, "flatc or the Python of Scripts/test is missing"))
    func pythonReadsTheSameContent() throws {
        let binary = try folder.write(metadata, "small.bin")
        try run(#require(Self.flatc), ["--python", "-o", folder.path, schema])
        let script = Self.packageRoot.appendingPathComponent("Tests/Oracles/read_metadata.py").path
        let output = try run(#require(Self.python), ["-B", script, folder.path, binary])
        let json = try #require(JSONSerialization.jsonObject(with: output) as? [String: Any])
        let graph = Model.small.graph
        #expect(json["strings"] as? [String] == tables.strings.map(\.text))
        #expect(json["dims"] as? [[Int]] == tables.tables.payloads.map(\.dims))
        #expect(json["dtypes"] as? [Int] == tables.tables.payloads.map { Int($0.elementType.rawValue) })
        #expect(json["nodes"] as? [String] == graph.nodes.map { $0.opType!.text })
        #expect(json["inputs"] as? [[String]] == graph.nodes.map { $0.inputs.map(\.text) })
        #expect(json["attributes"] as? [[String]] == graph.nodes.map { $0.attributes.map { $0.name!.text } })
        #expect(json["producer"] as? String == "thimble tests")
        #expect(json["ir_version"] as? Int == 10)
    }

    /// What the verifier of FlatBuffers calls damaged, ours refuses; the other way round it may be stricter.
    @Test(.enabled(if: flatc != nil && compiler != nil, "flatc, g++ or libflatbuffers-dev is missing"))
    func isNeverLaxerThanTheGeneratedVerifier() throws {
        try run(#require(Self.flatc), ["--cpp", "-o", folder.path, schema])
        let program = folder("verify")
        let source = Self.packageRoot.appendingPathComponent("Tests/Oracles/verify_metadata.cpp").path
        try run(#require(Self.compiler), ["-std=c++17", "-O0", "-I", folder.path, source, "-o", program])
        var blocks = [metadata]
        for position in metadata.indices {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] as [UInt8] {
                var block = metadata
                block[position] ^= change
                blocks.append(block)
            }
        }
        blocks += metadata.indices.map { Array(metadata[..<$0]) }
        var input: [UInt8] = []
        for block in blocks {
            input.appendLittleEndian(UInt32(block.count))
            input += block
        }
        let verdicts = try String(decoding: run(program, [], input: folder.write(input, "blocks")), as: UTF8.self).split(separator: "\n")
        try #require(verdicts.count == blocks.count)
        #expect(verdicts[0] == "1")
        var refusedByBoth = 0
        for (index, block) in blocks.enumerated() where verdicts[index] == "0" {
            #expect(!accepts(block), "block \(index)")
            refusedByBoth += 1
        }
        #expect(accepts(metadata))
        #expect(refusedByBoth > 1000)
    }

    private func accepts(_ block: [UInt8]) -> Bool {
        do {
            let reader = try MetadataReader(Self.buffer(block), budget: ReadBudget(memoryLimit: 1 << 30))
            _ = try reader.entries(MetadataReader.Values(tensor: { _ in Tensor(.float, dims: [], bytes: .empty) }, areThere: false))
            return true
        } catch {
            return false
        }
    }
}
