import BackendSuite
import Execution
import Foundation
import ModelGraph
import Tensors

@testable import Operators

/// Compares what was inferred of a value with the value that a run made.
struct InferenceJudge {
    /// What symbols of the inputs stand for.
    var sizes: [Name: Int] = [:]

    enum Verdict: Equatable {
        /// The type and all dims are known, and right.
        case known
        /// What is known is right.
        case partly
        case wrong(String)
    }

    func verdict(_ fact: Fact, _ value: Value) -> Verdict {
        let fact = fact.substituting { symbol in if case .named(let name) = symbol { sizes[name].map(Dim.value) } else { nil } }
        switch (fact.kind, value) {
        case (.unknown, _): return .partly
        case (.tensor, .tensor(let tensor)): return verdict(fact, tensor)
        case (.sequence(let element), .sequence(let values)): return worst(values.map { verdict(element, $0) })
        case (.optional(let content), .optional(let value)): return value.map { verdict(content, $0) } ?? .known
        case (.map(_, let content), .map(let entries)): return worst(entries.map { verdict(content, .tensor($0.value)) })
        default: return .wrong("\(fact), it is \(value.summary)")
        }
    }

    private func worst(_ verdicts: [Verdict]) -> Verdict {
        verdicts.first { if case .wrong = $0 { true } else { false } } ?? (verdicts.contains(.partly) ? .partly : .known)
    }

    private func verdict(_ fact: Fact, _ tensor: Tensor) -> Verdict {
        let real = "\(tensor.elementType)\(tensor.dims)"
        if let type = fact.elementType, type != tensor.elementType { return .wrong("\(fact), it is \(real)") }
        guard let dims = fact.dims else { return .partly }
        guard dims.count == tensor.dims.count else { return .wrong("\(fact), it is \(real)") }
        for (dim, size) in zip(dims, tensor.dims) where dim.value != nil && dim.value != size || (dim.lowerBound ?? 0) > size { return .wrong("\(fact), it is \(real)") }
        if let integers = fact.integers, let problem = difference(integers, tensor) { return .wrong("\(fact) of \(integers.text), \(problem)") }
        if let constant = fact.constant, constant.elementType != .string, !isEqual(constant, tensor) { return .wrong("\(fact) has another value") }
        return fact.elementType != nil && fact.fixedDims != nil ? .known : .partly
    }

    private func difference(_ integers: [Dim], _ tensor: Tensor) -> String? {
        let numbers: [Int]? = tensor.elementType == .bool ? (try? tensor.elements(as: UInt8.self).map { $0 == 0 ? 0 : 1 }) : try? tensor.integers("it")
        guard let numbers else { return "it is \(tensor.elementType)" }
        guard numbers.count == integers.count else { return "it has \(numbers.count) elements" }
        for (dim, number) in zip(integers, numbers) where dim.value != nil && dim.value != number || (dim.lowerBound ?? number) > number { return "it is \(numbers)" }
        return nil
    }

    private func isEqual(_ a: Tensor, _ b: Tensor) -> Bool {
        guard let x = try? a.plainBytes(), let y = try? b.plainBytes() else { return false }
        return x == y
    }
}

/// What a run of a model made of each node of its main graph.
final class RunRecord: RunObserver, @unchecked Sendable {
    private let lock = NSLock()
    private(set) var values: [Name: Value] = [:]
    private(set) var makers: [Name: String] = [:]

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        lock.withLock {
            for (name, value) in zip(node.outputs, outputs) where !name.isEmpty {
                values[name] = value
                makers[name] = node.opType?.text ?? ""
            }
        }
    }
}
