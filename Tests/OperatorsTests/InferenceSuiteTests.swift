import BackendSuite
import Execution
import Foundation
import ModelGraph
import OnnxFile
import Tensors
import TestSupport
import Testing

@testable import Operators

/// What is inferred against what runs make: the ONNX backend suite and the corpus, every value of the main graphs. Rules alone: no kernel runs
/// on constants, nothing that a model declares of other values than its inputs counts.
@Suite(.enabled(if: Places.hasBackendTests, "Scripts/fetch-backend-tests fetches the suite"), .serialized)
struct InferenceSuiteTests {
    /// Values whose type or dims are not wholly known. Only less is better.
    private static let mostUnknown = (withValues: 139, withDims: 584, withSymbols: 1099)

    private struct Outcome {
        var values = 0
        /// By the operator that makes them.
        var unknown: [String: Int] = [:]
        var wrong: [String] = []
    }

    private enum Given {
        /// Sizes of all inputs and the values of the small ones.
        case values
        case dims
        /// A symbol for each size, and the values of the small inputs.
        case symbols
    }

    private final class Outcomes: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var total = Outcome()

        func add(_ one: Outcome) {
            lock.withLock {
                total.values += one.values
                total.wrong += one.wrong
                total.unknown.merge(one.unknown) { $0 + $1 }
            }
        }
    }

    /// Inputs that may be shapes, axes, scales or other settings.
    private static func isSmall(_ tensor: Tensor) -> Bool { tensor.dims.count <= 1 && (tensor.elementCount ?? .max) <= 64 && tensor.elementType != .string }

    private static func outcome(_ one: BackendCase, _ given: Given, runsConstants: Bool) throws -> Outcome {
        var (model, inputs) = try one.modelAndInputs()
        let record = RunRecord()
        let session = try Session(model, options: .init(threads: 1, maximumTensorBytes: 1 << 31))
        let results = try session.run(inputs, observer: record)
        var values = record.values
        for (info, value) in zip(model.graph.outputs, results) { values[info.name ?? ""] = value }

        var options = GraphInference.Options(), judge = InferenceJudge()
        (options.usesDeclarations, options.runsConstants) = (false, runsConstants)
        for case (let name, .tensor(let tensor)) in inputs {
            if given != .dims, isSmall(tensor) { options.values[name] = tensor } else if given != .symbols { options.dims[name] = tensor.dims }
        }
        if given == .symbols {
            for (place, info) in model.graph.inputs.enumerated() {
                guard let name = info.name, case .tensor(let tensor)? = inputs[name] else { continue }
                let symbols = tensor.dims.indices.map { Name("s\(place)_\($0)") }
                for (symbol, size) in zip(symbols, tensor.dims) { judge.sizes[symbol] = size }
                model.graph.inputs[place].type = .tensor(tensor.elementType, Shape(symbols.map { Dimension(.symbol($0)) }))
            }
        }
        let result = try GraphInference.run(model, options)
        var outcome = Outcome()
        // A branch that is not taken may hold nodes that could not run.
        outcome.wrong = result.problems.filter { !$0.place.contains { $0.hasSuffix("_branch'") } }.map { "\(one.name): \($0)" }
        for (name, value) in values {
            outcome.values += 1
            let fact = result.graph.fact(name)
            switch judge.verdict(fact, value) {
            case .known: break
            case .partly:
                let isSymbolic = given == .symbols && fact.elementType != nil && (fact.dims?.allSatisfy { !$0.hasFreshSymbols } ?? false)
                if !isSymbolic { outcome.unknown[record.makers[name] ?? "?", default: 0] += 1 }
            case .wrong(let text): outcome.wrong.append("\(one.name): '\(name)' of \(record.makers[name] ?? "?") is \(text)")
            }
        }
        return outcome
    }

    private func judge(_ cases: [BackendCase], _ given: Given, runsConstants: Bool = false) throws -> Outcome {
        let outcomes = Outcomes()
        try concurrently(cases.count, threads: 2) { index in
            // Cases that do not run are those of the suite's own test.
            guard let one = try? Self.outcome(cases[index], given, runsConstants: runsConstants) else { return }
            outcomes.add(one)
        }
        for text in outcomes.total.wrong.sorted().prefix(60) { Issue.record("\(text)") }
        return outcomes.total
    }

    private func list(_ unknown: [String: Int]) -> String { unknown.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }

    @Test func agreesWithTheSuiteGivenValues() throws {
        let outcome = try judge(BackendCase.all, .values), count = outcome.unknown.values.reduce(0, +)
        #expect(outcome.values >= 3000)
        #expect(count <= Self.mostUnknown.withValues, "\(count) of \(outcome.values) values: \(list(outcome.unknown))")
    }

    @Test func agreesWithTheSuiteGivenDims() throws {
        let outcome = try judge(BackendCase.all, .dims), count = outcome.unknown.values.reduce(0, +)
        #expect(count <= Self.mostUnknown.withDims, "\(count) of \(outcome.values) values: \(list(outcome.unknown))")
    }

    @Test func agreesWithTheSuiteForSymbols() throws {
        let outcome = try judge(BackendCase.all, .symbols), count = outcome.unknown.values.reduce(0, +)
        #expect(count <= Self.mostUnknown.withSymbols, "\(count) of \(outcome.values) values: \(list(outcome.unknown))")
    }

    /// Kernels that run on constants give what runs give.
    @Test func constantsAgreeWithTheSuite() throws {
        _ = try judge(BackendCase.all, .values, runsConstants: true)
    }

    @Test(.enabled(if: Places.hasCorpus)) func agreesWithTheCorpus() throws {
        for given in [Given.values, .symbols] {
            let outcome = try judge(BackendCase.references, given, runsConstants: true)
            #expect(outcome.values > 1000)
        }
    }
}

extension Dim {
    var hasFreshSymbols: Bool {
        switch self {
        case .value: false
        case .symbolic(let expression): !expression.hasOnlyNames
        case .unknown: true
        }
    }
}
