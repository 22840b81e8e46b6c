internal import Foundation

/// A C file of `Tests/Oracles`, compiled when it is first needed and again when it changes.
public enum CTool: String, Sendable, CaseIterable {
    case limitedRun = "limited_run"
    case faultShim = "fault_shim"

    /// The program, or the shared library for a shim.
    public var path: String {
        get throws {
            switch self {
            case .limitedRun: try Self.runner.get()
            case .faultShim: try Self.shim.get()
            }
        }
    }

    private static let runner = Result { try compile(.limitedRun, ["-o"]) }
    private static let shim = Result { try compile(.faultShim, ["-shared", "-fPIC", "-ldl", "-o"]) }

    private static func compile(_ tool: CTool, _ flags: [String]) throws -> String {
        let folder = Places.root + "/.cache/tools"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let source = "\(Places.oracles)/\(tool.rawValue).c"
        let target = "\(folder)/\(tool.rawValue)"
        if let made = modified(target), let written = modified(source), made > written { return target }
        let fresh = target + ".\(getpid())"
        let status = try Command.spawnAndWait(["/usr/bin/env", "cc", "-O2", "-Wall", source] + flags + [fresh])
        guard status == 0 else { throw Failure("\(source) does not compile") }
        guard unsafe rename(fresh, target) == 0 else { throw Failure("\(target) cannot be written") }
        return target
    }

    private static func modified(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
}
