internal import Foundation

/// Where the tests find what they use. Paths have no trailing slash.
public enum Places {
    /// The package: three folders up from this file.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    public static let testModels = root + "/TestModels"
    public static let oracles = root + "/Tests/Oracles"
    public static let schemas = root + "/Schemas"
    /// Real, broken and hostile models; not part of the package.
    public static let corpus = URL(fileURLWithPath: root).deletingLastPathComponent().appendingPathComponent("shared/corpus").path
    /// The ONNX backend test models, fetched by `Scripts/fetch-backend-tests`.
    public static let backendTests = root + "/.cache/backend-tests"
    /// The node cases of the newest ONNX, made by the same.
    public static let nodeCases = root + "/.cache/node-cases"
    /// The interpreter with the pinned packages, made by `Scripts/test`.
    public static let python = root + "/.cache/python/bin/python"

    public static let hasCorpus = exists(corpus + "/bad/manifest.json")
    public static let hasBackendTests = exists(backendTests + "/node")
    public static let hasNodeCases = exists(nodeCases + "/version")
    public static let hasPython = exists(python)

    /// The `thimble` that was built with these tests.
    public static let thimble: String = {
        #if os(Linux)
        let folder = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        #else
        let folder = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL.deletingLastPathComponent()
        #endif
        return (folder ?? URL(fileURLWithPath: root + "/.build/debug")).appendingPathComponent("thimble").path
    }()

    public static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }

    /// Files below `folder` whose names end in `suffix`, sorted; links to folders are not followed.
    public static func files(below folder: String, suffix: String = "") -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(suffix) && isFile(folder + "/" + $0) }.sorted().map { folder + "/" + $0 }
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }
}
