internal import Foundation

/// A process to run to its end, with limits.
public struct Command: Sendable {
    public var arguments: [String]
    /// Added to this process's environment; nil takes a variable away.
    public var environment: [String: String?] = [:]
    public var folder: String?
    public var stackKilobytes: Int?
    public var addressSpaceMegabytes: Int?
    public var largestFileBytes: Int?
    public var openFiles: Int?
    /// After this many seconds the process and its children are killed.
    public var patience: Double = 60

    public init(_ arguments: [String]) {
        self.arguments = arguments
    }

    /// The binary under test.
    public static func thimble(_ arguments: String...) -> Command {
        Command([Places.thimble] + arguments)
    }

    /// A script of `Tests/Oracles`.
    public static func oracle(_ script: String, _ arguments: String...) -> Command {
        var command = Command([Places.python, Places.oracles + "/" + script] + arguments)
        command.patience = 600
        return command
    }

    public static func shell(_ script: String, _ arguments: String...) -> Command {
        Command(["/bin/bash", "-c", script, "bash"] + arguments)
    }

    public func with(_ change: (inout Command) -> Void) -> Command {
        var copy = self
        change(&copy)
        return copy
    }

    /// How a process ended and what it said.
    public struct Outcome: Sendable, CustomStringConvertible {
        public let command: [String]
        /// -1 if a signal ended it.
        public let exitCode: Int
        public let signal: Int
        public let timedOut: Bool
        public let wallSeconds: Double
        public let cpuSeconds: Double
        /// Mapped file pages included.
        public let peakMemory: Int
        public let output: [UInt8]
        public let errors: [UInt8]

        /// The output as text, for looking into; damaged UTF-8 is repaired.
        public var text: String { String(decoding: output, as: UTF8.self) }
        public var errorText: String { String(decoding: errors, as: UTF8.self) }
        /// Lines on stderr.
        public var errorLines: [String] { errorText.split(whereSeparator: \.isNewline).map(String.init) }

        public var description: String {
            let end = timedOut ? "was killed after its time" : signal != 0 ? "ended by signal \(signal)" : "ended with \(exitCode)"
            return "'\(command.joined(separator: " "))' \(end); stderr: \(errorText.prefix(600).debugDescription)"
        }
    }

    /// Runs it to its end.
    public func run() throws -> Outcome {
        let work = try TemporaryFolder()
        let runner = try CTool.limitedRun.path
        var line = [runner, "-o", work("out"), "-e", work("err"), "-r", work("result"), "-t", String(Int(patience * 1e6))]
        for (flag, value) in [("-s", stackKilobytes), ("-a", addressSpaceMegabytes), ("-f", largestFileBytes), ("-n", openFiles)] {
            if let value { line += [flag, String(value)] }
        }
        if let folder { line += ["-d", folder] }
        // A crash should end, not be explained at length.
        let variables = ["SWIFT_BACKTRACE": "enable=no"].merging(environment) { $1 }
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) { line += ["-E", value.map { "\(name)=\($0)" } ?? name] }
        let status = try Self.spawnAndWait(line + ["--"] + arguments)
        guard status == 0 else { throw Failure("the runner itself failed with \(status) for \(arguments)") }
        let numbers = String(decoding: try bytes(of: work("result")), as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard numbers.count == 6 else { throw Failure("the runner's result is not understood: \(numbers)") }
        let isKilled = numbers[2] != 0
        // Killed before it had opened its files, it said nothing.
        let said = { (name: String) in isKilled && !Places.exists(work(name)) ? [] : try bytes(of: work(name)) }
        return Outcome(
            command: arguments, exitCode: numbers[0], signal: numbers[1], timedOut: isKilled, wallSeconds: Double(numbers[3]) / 1e6,
            cpuSeconds: Double(numbers[4]) / 1e6, peakMemory: numbers[5] << 10, output: try said("out"), errors: try said("err"))
    }

    /// Starts `line` with this process's files and environment, and waits: the raw wait status.
    static func spawnAndWait(_ line: [String]) throws -> Int32 {
        var pid = pid_t()
        var pointers = unsafe line.map { unsafe strdup($0) }
        defer { unsafe pointers.forEach { unsafe free($0) } }
        unsafe pointers.append(nil)
        let problem = unsafe posix_spawn(&pid, line[0], nil, nil, pointers, environ)
        guard problem == 0 else { throw Failure("\(line[0]) cannot be started: error \(problem)") }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw Failure("waiting for \(line[0]) failed: error \(errno)") }
        }
        return status
    }
}

/// Something around a test went wrong, not the thing under test.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
