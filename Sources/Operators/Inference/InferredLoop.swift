internal import ModelGraph
internal import Tensors

/// How nodes with subgraphs are inferred.
extension InferenceCall {
    /// The outputs of a subgraph; all unknown where nobody can infer it.
    func infer(_ attribute: Name, _ inputs: [Fact]) throws -> [Fact] {
        let graph = try graph(attribute)
        guard let subgraphs else { return [Fact](repeating: .unknown, count: graph.outputs.count) }
        let facts = try subgraphs.infer(attribute, inputs: inputs)
        guard facts.count == graph.outputs.count else { throw ModelError(.internalFault, "graph '\(attribute)' has \(facts.count) facts") }
        return facts
    }

    /// What holds in each trip of a loop: the states are forgotten as far as the body changes them, until it changes nothing that is known.
    /// `inputs` makes the body's inputs of states, `after` takes the new states from its outputs. Returns the states behind the loop, whose
    /// number of trips may be 0, and the outputs of a trip.
    func fixedPoint(
        _ body: Name, states first: [Fact], inputs: ([Fact]) -> [Fact], after: ([Fact]) -> [Fact]
    ) throws -> (states: [Fact], outputs: [Fact]) {
        var states = first.map(\.withoutLargeValue), widening = Widening()
        var outputs: [Fact] = []
        for pass in 0..<Self.maximumPasses {
            outputs = try infer(body, inputs(states))
            let new = after(outputs)
            guard new.count == states.count else {
                throw ModelError(.invalidGraph, "the body gives \(outputs.count) values, its \(states.count) states are needed at least")
            }
            let next = zip(states, new).map { widening.widened($0, $1) }
            if next == states { break }
            // What still changes is given up.
            states = pass < Self.maximumPasses - 2 ? next : zip(states, next).map { $0 == $1 ? $0 : .unknown }
        }
        return (zip(first, after(outputs)).map { .common($0, $1) }, outputs)
    }

    private static var maximumPasses: Int { 5 }
}

/// Forgets of a value what a trip of a loop changes. Sizes that change become symbols that stay.
private struct Widening {
    private var symbols: Set<Dim> = []

    mutating func widened(_ old: Fact, _ new: Fact) -> Fact {
        switch (old.kind, new.kind) {
        case (.tensor, .tensor):
            let type = old.elementType == new.elementType ? old.elementType : nil
            guard let a = old.dims, let b = new.dims, a.count == b.count else { return Fact(type) }
            let dims = zip(a, b).map { size($0, $1) }
            guard dims == a, let i = old.integers else { return Fact(type, dims) }
            guard let j = new.integers, i.count == j.count else { return Fact(type, dims) }
            return Fact(type, dims, integers: zip(i, j).map { $0.isSame(as: $1) ? $0 : .unknown })
        case (.sequence(let a), .sequence(let b)): return .sequence(of: widened(a, b))
        case (.optional(let a), .optional(let b)): return .optional(widened(a, b))
        case (.map(let i, let a), .map(let j, let b)): return .map(key: i == j ? i : nil, value: widened(a, b))
        default: return .unknown
        }
    }

    private mutating func size(_ old: Dim, _ new: Dim) -> Dim {
        if old.isSame(as: new) || symbols.contains(old) { return old }
        let symbol = Dim.fresh()
        symbols.insert(symbol)
        return symbol
    }
}

extension Fact {
    /// The same without a value that is no list of integers.
    fileprivate var withoutLargeValue: Fact {
        guard kind == .tensor else { return self }
        return Fact(elementType, dims, integers: integers)
    }

    /// Tensors like this in a row, which is a new axis. What is no tensor cannot be stacked.
    func stacked(_ count: Dim, at axis: Int) -> Fact {
        guard var dims else { return Fact(elementType) }
        dims.insert(count, at: axis)
        return Fact(elementType, dims)
    }
}
