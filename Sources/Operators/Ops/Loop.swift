internal import ModelGraph
package import Tensors

package enum Loop: Checkable, Inferring, Runnable {
    package static let name: Name = "Loop"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        // The node takes a trip count and a condition, then the carried values; the body gets an iteration number and a condition, and
        // gives a condition, the carried values and what is collected.
        let inputs = max(2, node.node.inputs.count), outputs = node.node.outputs.count + 1
        node.checkBody("body", inputs: inputs, outputs: outputs...outputs, into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let body = try call.graph("body"), carried = call.inputs.count - 2
        guard carried >= 0, body.outputs.count > carried else {
            throw ModelError(.invalidGraph, "the body gives \(body.outputs.count) values, a condition and \(max(0, carried)) carried ones are needed")
        }
        let first = try (0..<carried).map { try call.fact($0 + 2) }
        // The body runs only while the condition is true.
        let number = Fact(.int64, fixed: dims(body, 0)), truth = Fact(.bool, dims(body, 1).map(Dim.value), integers: [1])
        let (states, outputs) = try call.fixedPoint("body", states: first) { [number, truth] + $0 } after: { Array($0.dropFirst().prefix(carried)) }
        let begins = call.hasInput(1) ? call.inputs[1]?.truth == true : true
        let limit = try call.hasInput(0) ? call.integers(0)?.first ?? .unknown : .unknown
        let trips = begins && outputs.first?.truth == true ? Dim.max(0, limit).asSize : .fresh()
        return states + outputs.dropFirst(1 + carried).map { $0.stacked(trips, at: 0) }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let body = try call.graph("body")
        let limit = try tripLimit(call)
        var goesOn = call.hasInput(1) ? try call.condition(1) : true
        var carried = try call.inputs.indices.dropFirst(2).map { try call.value($0) }
        guard body.outputs.count > carried.count else {
            throw ModelError(.invalidGraph, "the body gives \(body.outputs.count) values, a condition and \(carried.count) carried ones are needed")
        }
        var collected = body.outputs.dropFirst(1 + carried.count).map { CollectedOutput($0.type) }
        var trip = 0
        while goesOn, trip < limit {
            try call.environment.countTrip()
            let inputs = [number(trip, body, input: 0), truth(goesOn, body, input: 1)] + carried
            let values = try call.runBody("body", inputs, outputs: body.outputs.count)
            goesOn = try Call.condition(values[0], "the condition that the body gives")
            carried = Array(values[1..<1 + carried.count])
            for index in collected.indices { try collected[index].add(values[1 + carried.count + index], call.environment) }
            trip += 1
        }
        return carried + (try collected.map { .tensor(try $0.stacked(call.environment)) })
    }

    private static func tripLimit(_ call: Call) throws -> Int {
        guard let numbers = try call.ints(0) else { return .max }
        guard numbers.count == 1 else { throw ModelError(.invalidGraph, "input 0 has \(numbers.count) elements, one is needed: the number of trips") }
        return numbers[0]
    }

    private static func number(_ value: Int, _ body: Graph, input: Int) -> Value {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return .tensor(Tensor(.int64, dims: dims(body, input), bytes: TensorBytes(bytes)))
    }

    private static func truth(_ value: Bool, _ body: Graph, input: Int) -> Value {
        .tensor(Tensor(.bool, dims: dims(body, input), bytes: TensorBytes([value ? 1 : 0])))
    }

    /// Scalars; bodies that say so get vectors of one element.
    private static func dims(_ body: Graph, _ input: Int) -> [Int] {
        guard input < body.inputs.count, case .tensor(_, let shape?)? = body.inputs[input].type?.kind, shape.rank == 1 else { return [] }
        return [1]
    }
}
