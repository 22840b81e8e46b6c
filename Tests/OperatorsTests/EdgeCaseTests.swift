import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

/// Every operator returns or throws a `ModelError`, whatever its inputs and attributes are.
///
/// A trap would end the process, so the calls are made in a child, which prints each operator's name before its calls. The name
/// that stands last when it ends too early is the failure; another child goes on behind it.
///
/// The calls are the same in each run, so that a change is judged by what it changes; THIMBLE_EDGE_CASES=new makes others.
@Suite struct EdgeCaseTests {
    private static let callsPerOperator = 400
    private static let startVariable = "THIMBLE_EDGE_CASES_FROM", seedVariable = "THIMBLE_EDGE_CASES_SEED", logVariable = "THIMBLE_EDGE_CASES_LOG"

    @Test func operatorsNeverTrap() async throws {
        let seed = ProcessInfo.processInfo.environment["THIMBLE_EDGE_CASES"] == "new" ? SeededRandom().seed : 1, count = Self.operators.count, folder = try TemporaryFolder()
        setenv(Self.seedVariable, String(seed), 1)
        setenv(Self.logVariable, folder("log"), 1)
        var start = 0
        while start < count {
            setenv(Self.startVariable, String(start), 1)
            await #expect(processExitsWith: .exitCode(0), "operators trapped or hung, seed \(seed)") { EdgeCaseTests.runCalls() }
            let lines = try String(decoding: Data(contentsOf: URL(fileURLWithPath: folder("log"))), as: UTF8.self).split(separator: "\n")
            for problem in lines where problem.hasPrefix("WRONG") { Issue.record("\(problem), seed \(seed)") }
            guard let last = lines.last, last != "done" else { return }
            Issue.record("trapped or hung: \(last), seed \(seed)")
            start = (Int(last.prefix { $0 != " " }) ?? count) + 1
        }
    }

    static var operators: [any Runnable.Type] { Operators.all.compactMap { $0 as? any Runnable.Type } }

    /// In the child.
    private static func runCalls() {
        let variables = ProcessInfo.processInfo.environment
        let start = variables[startVariable].flatMap { Int($0) } ?? 0, seed = variables[seedVariable].flatMap { UInt64($0) } ?? 0
        // A kernel that asks for memory without end is refused it: by the address sanitizer, whose own memory takes terabytes of addresses, or by a limit.
        if dlsym(nil, "__asan_init") == nil {
            var limit = rlimit(rlim_cur: 8 << 30, rlim_max: 8 << 30)
            setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        }
        let log = open(variables[logVariable] ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        for (index, op) in operators.enumerated().dropFirst(start) {
            let schemas = OperatorSchemas.versions(of: op.name, domain: op.domain), attributes = attributeNames(op)
            for number in 0..<callsPerOperator {
                var calls = HostileCalls(random: SeededRandom(seed: seed &+ UInt64(index) << 32 &+ UInt64(number)))
                let call = calls.call(op, schemas: schemas, attributes: attributes)
                alarm(10)
                say("\(index) \(op.name), call \(number): \(describe(call))", log)
                if let problem = problem(op, call) { say("WRONG \(op.name), call \(number): \(problem): \(describe(call))", log) }
            }
        }
        say("done", log)
        exit(0)
    }

    private static func say(_ line: String, _ log: Int32) {
        let text = line.replacingOccurrences(of: "\n", with: " ") + "\n"
        _ = text.withCString { write(log, $0, strlen($0)) }
    }

    private static func describe(_ call: Call) -> String {
        let attributes = call.node.attributes.map { "\($0.name ?? "") = \(String(describing: $0.value).prefix(160))" }
        return "\(call.inputs.map { $0?.summary ?? "nil" }) \(attributes) opset \(call.opset)"
    }

    /// What is wrong with the outcome. Outputs must be what their types and dims say.
    private static func problem(_ op: any Runnable.Type, _ call: Call) -> String? {
        do {
            for case let value? in try op.run(call) { try check(value) }
        } catch let error as ModelError {
            return error.code == .internalFault ? "an internal fault: \(error)" : nil
        } catch {
            return "an error of type \(type(of: error))"
        }
        return nil
    }

    private static func check(_ value: Value) throws {
        switch value {
        case .tensor(let tensor):
            do {
                try tensor.checkEncoding()
                if case .strings(let list) = tensor.encoding { _ = try list.strings() }
            } catch let error as ModelError {
                throw ModelError(.internalFault, "an output is damaged: \(error)")
            }
        case .sequence(let values): for value in values { try check(value) }
        case .optional(let value): if let value { try check(value) }
        case .map(let entries): for entry in entries { try check(.tensor(entry.value)) }
        }
    }

    /// Names that the operator's file asks for, for those that ONNX has no schema of.
    private static func attributeNames(_ op: any Runnable.Type) -> [Name] {
        guard let path = Places.files(below: Places.root + "/Sources/Operators/Ops", suffix: "/\(String(describing: op)).swift").first,
            let text = try? String(contentsOfFile: path, encoding: .utf8)
        else { return [] }
        return text.matches(of: /call\.(?:int|bool|float|ints|floats|string|strings|tensor|graph)\("(\w+)"/).map { Name(String($0.1)) }
    }
}
