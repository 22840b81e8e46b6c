internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Temporary files that a killed run left: `.NAME.PID.RANDOM.tmp` (see `OutputFile`), where no process PID lives.
enum StaleFiles {
    /// Removes those among `paths` (relative to `root`).
    static func remove(_ paths: [String], in root: String) {
        for path in paths {
            guard let process = owner(of: fileName(path)), process != getpid(), !isAlive(process) else { continue }
            unsafe unlink(root + "/" + path)
        }
    }

    /// The process that a temporary file's name tells, nil for any other name.
    static func owner(of name: String) -> pid_t? {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count >= 5, parts[0].isEmpty, parts[parts.count - 1].elementsEqual("tmp".utf8) else { return nil }
        guard number(parts[parts.count - 2]) != nil, let process = number(parts[parts.count - 3]), process > 0 else { return nil }
        return pid_t(exactly: process)
    }

    private static func number(_ digits: Substring.UTF8View) -> Int? {
        guard (1...10).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func isAlive(_ process: pid_t) -> Bool {
        kill(process, 0) == 0 || errno != ESRCH
    }
}
