internal import ModelGraph
package import Tensors

/// The body for each element of a sequence; sequences beside it are walked along, tensors are given each time.
package enum SequenceMap: Inferring, Runnable {
    package static let name: Name = "SequenceMap"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        guard !call.inputs.isEmpty else { throw ModelError(.invalidGraph, "input 0 is missing, a sequence is needed") }
        _ = try call.element(0)
        let inputs = try call.inputs.indices.map { index -> Fact in
            let fact = try call.fact(index)
            if case .sequence(let element) = fact.kind { return element }
            return fact
        }
        return try call.infer("body", inputs).map { .sequence(of: $0.withoutValue) }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let inputs = try call.inputs.indices.map { try call.value($0) }
        guard case .sequence(let elements)? = inputs.first else {
            throw ModelError(.invalidGraph, "input 0 is \(inputs.first?.summary ?? "missing"), a sequence is needed")
        }
        for (index, input) in inputs.enumerated() {
            guard case .sequence(let others) = input, others.count != elements.count else { continue }
            throw ModelError(.invalidGraph, "input 0 is a sequence of \(elements.count), input \(index) one of \(others.count); they must be as long")
        }
        let body = try call.graph("body")
        var results = [[Value]](repeating: [], count: body.outputs.count)
        for trip in elements.indices {
            try call.environment.countTrip()
            let values = inputs.map { input in if case .sequence(let elements) = input { elements[trip] } else { input } }
            for (index, value) in try call.runBody("body", values, outputs: results.count).enumerated() { results[index].append(value) }
        }
        return results.map { .sequence($0) }
    }
}
