internal import ModelGraph
package import Tensors

package enum Scan: Checkable, Inferring, Runnable {
    package static let name: Name = "Scan"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        // Opset 8 has the sequence lengths as another first input.
        let inputs = node.node.inputs.count - (node.opset < 9 ? 1 : 0), outputs = node.node.outputs.count
        node.checkBody("body", inputs: inputs, outputs: outputs...outputs, into: &report)
        if let count = node.int("num_scan_inputs"), count < 1 || count > inputs {
            report.error("attribute 'num_scan_inputs' is \(count), 1 to \(inputs) is expected")
        }
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let old = call.opset < 9, given = Array(call.inputs.dropFirst(old ? 1 : 0)), body = try call.graph("body")
        let scanned = try call.required("num_scan_inputs", call.int("num_scan_inputs")), states = given.count - scanned
        guard scanned >= 1, states >= 0, body.outputs.count >= states else {
            throw ModelError(.invalidGraph, "attribute 'num_scan_inputs' is \(scanned), 1 to \(given.count) is possible, and a body with as many outputs as states")
        }
        let collected = body.outputs.count - states
        let axes = try old ? [Int](repeating: 0, count: scanned) : list(call, "scan_input_axes", scanned)
        let outputAxes = try old ? [Int](repeating: 0, count: collected) : list(call, "scan_output_axes", collected)
        var length = Dim.unknown, batch = Dim.unknown
        let slices = try zip(given[states...], axes).map { fact, axis -> Fact in
            guard let fact, var dims = fact.dims else { return Fact(fact?.elementType) }
            if old {
                guard dims.count >= 2 else { throw ModelError(.invalidGraph, "an input is \(fact); those that are scanned need a batch and a sequence") }
                batch = try call.same(batch, dims.removeFirst(), "batches differ")
            }
            length = try call.same(length, dims.remove(at: call.axis(axis, rank: dims.count)), "inputs are scanned over different lengths")
            return Fact(fact.elementType, dims)
        }
        let first = given[..<states].map { fact -> Fact in
            guard let fact else { return .unknown }
            return old ? Fact(fact.elementType, fact.dims.map { Array($0.dropFirst()) }) : fact
        }
        let (last, outputs) = try call.fixedPoint("body", states: Array(first)) { $0 + slices } after: { Array($0.prefix(states)) }
        (length, batch) = (length.asSize, batch.asSize)
        let results = try last + zip(outputs.dropFirst(states), outputAxes).map { fact, axis in
            fact.stacked(length, at: try fact.rank.map { try call.axis(axis, rank: $0 + 1) } ?? 0)
        }
        return old ? results.map { $0.stacked(batch, at: 0) } : results
    }

    package static func run(_ call: Call) throws -> [Value?] {
        call.opset < 9 ? try runBatches(call) : try runOnce(call)
    }

    /// What the attributes say, checked against the node and its body.
    private struct Form {
        let states: Int
        let scanned: Int
        let collected: Int

        /// `inputs` without the sequence lengths of opset 8.
        init(_ call: Call, inputs: Int) throws {
            let body = try call.graph("body")
            scanned = try call.required("num_scan_inputs", call.int("num_scan_inputs"))
            guard scanned >= 1, scanned <= inputs else {
                throw ModelError(.invalidGraph, "attribute 'num_scan_inputs' is \(scanned), 1 to \(inputs) is possible")
            }
            states = inputs - scanned
            collected = body.outputs.count - states
            guard collected >= 0 else { throw ModelError(.invalidGraph, "the body gives \(body.outputs.count) values, its \(states) states are needed at least") }
        }
    }

    private static func runOnce(_ call: Call) throws -> [Value?] {
        let form = try Form(call, inputs: call.inputs.count)
        let scanned = try (form.states..<call.inputs.count).map { try call.tensor($0) }
        let given = try list(call, "scan_input_axes", form.scanned)
        let axes = try zip(given, scanned).map { try call.axis($0, rank: $1.dims.count) }
        let states = try (0..<form.states).map { try call.value($0) }
        let (last, collected) = try loop(
            call, form, states: states, scanned: Array(zip(scanned, axes)), length: length(scanned, axes),
            backwards: list(call, "scan_input_directions", form.scanned))
        let outputAxes = try list(call, "scan_output_axes", form.collected), directions = try list(call, "scan_output_directions", form.collected)
        return last + (try collected.enumerated().map { index, output in
            .tensor(try output.stacked(axis: outputAxes[index], isReversed: directions[index] != 0, call.environment))
        })
    }

    /// Opset 8: a batch in axis 0 of everything, a sequence in axis 1 of what is scanned, each of a length of its own.
    private static func runBatches(_ call: Call) throws -> [Value?] {
        let form = try Form(call, inputs: call.inputs.count - 1)
        let states = try (0..<form.states).map { try call.tensor(1 + $0) }, scanned = try (0..<form.scanned).map { try call.tensor(1 + form.states + $0) }
        let backwards = try list(call, "directions", form.scanned)
        guard let batches = scanned.first?.dims.first, let longest = scanned.first?.dims.dropFirst().first,
            scanned.allSatisfy({ $0.dims.count >= 2 && $0.dims[0] == batches && $0.dims[1] == longest }), states.allSatisfy({ $0.dims.first == batches })
        else { throw ModelError(.invalidGraph, "inputs are \((states + scanned).map(\.dims)); they need a batch, those that are scanned a sequence, too") }
        let lengths = try call.ints(0) ?? Array(repeating: longest, count: batches)
        guard lengths.count == batches, lengths.allSatisfy({ (0...longest).contains($0) }) else {
            throw ModelError(.invalidGraph, "lengths \(lengths) of \(batches) sequences of at most \(longest)")
        }
        var results = [[Tensor]](repeating: [], count: form.states + form.collected)
        for batch in 0..<batches {
            let slices = try scanned.map { (try TensorStack.layer(batch, of: $0, axis: 0), 0) }
            let first = try states.map { Value.tensor(try TensorStack.layer(batch, of: $0, axis: 0)) }
            let (last, collected) = try loop(call, form, states: first, scanned: slices, length: lengths[batch], backwards: backwards)
            for (index, value) in last.enumerated() {
                guard case .tensor(let tensor)? = value else { throw ModelError(.invalidGraph, "a state is no tensor, one is needed") }
                results[index].append(tensor)
            }
            for (index, output) in collected.enumerated() { results[form.states + index].append(try padded(output, longest, call.environment)) }
        }
        guard batches > 0 else { throw ModelError(.unsupported, "a batch of 0 sequences") }
        return try results.map { .tensor(try TensorStack.join($0, axis: 0, call.environment)) }
    }

    /// With zeros behind, up to the longest sequence.
    private static func padded(_ output: CollectedOutput, _ length: Int, _ environment: any RunEnvironment) throws -> Tensor {
        let stacked = try output.stacked(environment)
        guard stacked.dims[0] < length else { return stacked }
        let rest = Array(stacked.dims.dropFirst())
        let zero = try TensorStack.zeros(stacked.elementType, rest, environment)
        let layers = try (0..<stacked.dims[0]).map { try TensorStack.layer($0, of: stacked, axis: 0) }
        return try TensorStack.join(layers + Array(repeating: zero, count: length - layers.count), axis: 0, environment)
    }

    private static func loop(
        _ call: Call, _ form: Form, states: [Value], scanned: [(Tensor, axis: Int)], length: Int, backwards: [Int]
    ) throws -> ([Value?], [CollectedOutput]) {
        let body = try call.graph("body")
        var states = states
        var collected = body.outputs.dropFirst(form.states).map { CollectedOutput($0.type) }
        for trip in 0..<length {
            try call.environment.countTrip()
            let slices = try scanned.enumerated().map { index, part in
                Value.tensor(try TensorStack.layer(backwards[index] != 0 ? length - 1 - trip : trip, of: part.0, axis: part.axis))
            }
            let values = try call.runBody("body", states + slices, outputs: body.outputs.count)
            states = Array(values[..<form.states])
            for index in collected.indices { try collected[index].add(values[form.states + index], call.environment) }
        }
        return (states, collected)
    }

    /// Zeros where the attribute is missing.
    private static func list(_ call: some AttributeReader, _ name: Name, _ count: Int) throws -> [Int] {
        let values = try call.ints(name) ?? Array(repeating: 0, count: count)
        guard values.count == count else { throw ModelError(.invalidGraph, "attribute '\(name)' has \(values.count) values, \(count) are needed") }
        return values
    }

    /// Trips to make: the size of the scanned axes, which must be one.
    private static func length(_ scanned: [Tensor], _ axes: [Int]) throws -> Int {
        let lengths = zip(scanned, axes).map { $0.dims[$1] }
        guard let first = lengths.first, lengths.allSatisfy({ $0 == first }) else {
            throw ModelError(.invalidGraph, "inputs are scanned over lengths \(lengths), they must be as long")
        }
        return first
    }
}
