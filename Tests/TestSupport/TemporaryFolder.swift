internal import Foundation

/// A folder of its own for one test, removed with all it holds when the value goes.
public final class TemporaryFolder: Sendable {
    public let path: String

    /// `parent` chooses the file system; nil: the system's place for temporary files.
    public init(in parent: String? = nil) throws {
        path = (parent ?? URL(fileURLWithPath: NSTemporaryDirectory()).path) + "/thimble-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of `name` in the folder, which need not exist.
    public func callAsFunction(_ name: String) -> String {
        path + "/" + name
    }

    /// Writes a file in it and gives its path.
    public func write(_ bytes: [UInt8], _ name: String = "m.onnx") throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
        return self(name)
    }

    /// Makes a folder in it and gives its path.
    @discardableResult
    public func folder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: self(name), withIntermediateDirectories: true)
        return self(name)
    }

    /// Copies a file or a folder into it and gives the copy's path.
    @discardableResult
    public func copy(_ source: String, as name: String? = nil) throws -> String {
        let target = self(name ?? URL(fileURLWithPath: source).lastPathComponent)
        try? FileManager.default.removeItem(atPath: target)
        try FileManager.default.copyItem(atPath: source, toPath: target)
        return target
    }

    /// Names of everything in it, hidden files too, as paths relative to it, sorted.
    public var contents: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
    }

    /// Temporary files that a writer left behind.
    public var leftovers: [String] {
        contents.filter { $0.hasSuffix(".tmp") || $0.split(separator: "/").last?.hasPrefix(".") == true }
    }
}

/// The bytes of a file; fails the test that asked with the path in the message.
public func bytes(of path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

public func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
