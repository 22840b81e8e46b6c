import Foundation
import ModelGraph
@testable import OnnxFile
import Tensors
import TestSupport
import Testing

/// Protobuf's wire format by hand.
enum Wire {
    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = [], rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func key(_ number: UInt64, _ wireType: UInt64) -> [UInt8] { varint(number << 3 | wireType) }
    static func number(_ field: UInt64, _ value: Int64) -> [UInt8] { key(field, 0) + varint(UInt64(bitPattern: value)) }
    static func bytes(_ field: UInt64, _ value: [UInt8]) -> [UInt8] { key(field, 2) + varint(UInt64(value.count)) + value }
    static func text(_ field: UInt64, _ value: String) -> [UInt8] { bytes(field, Array(value.utf8)) }
    static func packed(_ field: UInt64, _ values: [Int64]) -> [UInt8] { bytes(field, values.flatMap { varint(UInt64(bitPattern: $0)) }) }
    static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } } }

    /// A model with `graph` as the body of its graph.
    static func model(graph: [UInt8]) -> [UInt8] { number(1, 8) + bytes(7, graph) + bytes(8, number(2, 17)) }
    /// A model whose one initializer, named `w`, has `body` besides; its fields in the order of their numbers if they are sound.
    static func model(tensor body: [UInt8]) -> [UInt8] { model(graph: bytes(5, sorted(body + text(8, "w"), .tensor))) }
    private static func sorted(_ body: [UInt8], _ kind: MessageKind) -> [UInt8] {
        unsafe body.withUnsafeBytes { bytes in
            var fields: [WireField] = []
            var cursor = unsafe FieldCursor(WireBytes(bytes), kind, Body(0..<bytes.count))
            while let field = try? cursor.next() { fields.append(field) }
            guard fields.last?.whole.upperBound == body.count else { return body }
            let order = fields.indices.sorted { (fields[$0].number, $0) < (fields[$1].number, $1) }
            return order.flatMap { body[fields[$0].whole] }
        }
    }

    /// A model whose one node `n` has one attribute with `body`.
    static func model(attribute body: [UInt8]) -> [UInt8] {
        model(graph: bytes(1, text(2, "y") + text(3, "n") + text(4, "Op") + bytes(5, text(1, "a") + body)))
    }
}

func contents(of path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Reads `bytes` as a file.
func read(_ bytes: [UInt8]) throws -> OnnxFile.Contents {
    let folder = try TemporaryFolder()
    return try OnnxFile.read(folder.write(bytes))
}

/// The message that reading `bytes` fails with, without the file; "no error" if it does not fail.
func failure(_ bytes: [UInt8]) throws -> String {
    let folder = try TemporaryFolder()
    return try failure(at: folder.write(bytes))
}

func failure(at path: String, followLinks: Bool = false) throws -> String {
    do {
        _ = try OnnxFile.read(path, options: OnnxFile.ReadOptions(followLinks: followLinks))
        return "no error"
    } catch let error as ModelError {
        return ModelError(error.code, error.message, at: Array(error.place.dropFirst(error.place.first == printable(path) ? 1 : 0))).description
    }
}

/// What `model` is in bytes.
func written(_ model: Model, options: OnnxFile.WriteOptions = OnnxFile.WriteOptions()) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    _ = try OnnxFile.write(model, to: "\(folder.path)/out.onnx", options: options)
    return try contents(of: "\(folder.path)/out.onnx")
}

/// The package and what lies beside it.
enum Places {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    static let corpus = root + "/../shared/corpus"
    static let python = root + "/.cache/python/bin/python"

    static var hasCorpus: Bool { FileManager.default.fileExists(atPath: corpus + "/bad/manifest.json") }
    static var hasPython: Bool { FileManager.default.isExecutableFile(atPath: python) }
}

/// Runs a program to its end; what it printed and its exit code.
func run(_ program: String, _ arguments: [String], input: String = "") throws -> (output: String, code: Int32) {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.write(Array(input.utf8), "in")))
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
}
