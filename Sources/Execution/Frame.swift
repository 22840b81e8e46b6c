internal import ModelGraph
internal import Operators
internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The values of one graph while it runs node by node, each with its operator's general kernel. This is how a graph runs whose
/// shapes are never the same, or that somebody watches; and the judge of programs.
final class Frame {
    private let plan: Plan
    let run: Run
    private var slots: [Value?]

    /// `inputs` in the order of the plan's; nil or too few: the initializer, or nothing. `captured` in the order of the plan's captures.
    init(_ plan: Plan, inputs: [Value?], captured: [Value?] = [], run: Run) throws {
        self.plan = plan
        self.run = run
        slots = [Value?](repeating: nil, count: plan.slotCount)
        for (index, input) in plan.inputs.enumerated() {
            slots[input.slot] = try (index < inputs.count ? inputs[index] : nil) ?? input.standard?.value
        }
        for (capture, value) in zip(plan.captures, captured) { slots[capture.inner] = value }
    }

    /// What a subgraph's plan captures of this frame's values, in its order.
    func captured(by plan: Plan) -> [Value?] { plan.captures.map { slots[$0.outer] } }

    private func value(_ operand: Plan.Operand) throws -> Value? {
        switch operand {
        case .none: nil
        case .slot(let slot): slots[slot]
        case .constant(let constant): try constant.value
        }
    }

    /// Values of all outputs, in order; nil for an output that is an omitted input or output of a node. A frame is used once.
    func execute(observer: (any RunObserver)? = nil) throws -> [Value?] {
        let releases = plan.releases
        for (index, step) in plan.steps.enumerated() {
            let start = observer == nil ? 0 : monotonicSeconds()
            let outputs = try within(step.node.label) { try perform(step) }
            if let observer { observer.ran(step.node, outputs: outputs, seconds: monotonicSeconds() - start) }
            for (output, slot) in step.outputs.enumerated() { if let slot { slots[slot] = outputs[output] } }
            for slot in releases[index] { slots[slot] = nil }
        }
        return try plan.outputs.map(value)
    }

    /// As many outputs as the step has.
    private func perform(_ step: Plan.Step) throws -> [Value?] {
        let inputs = try step.operands.map(value)
        var outputs: [Value?]
        switch step.action {
        case .kernel(let operation):
            let environment: any RunEnvironment = step.subgraphs.isEmpty ? run : NodeEnvironment(self, step.subgraphs)
            outputs = try operation.kernel.run(Call(node: step.node, opset: step.opset, inputs: inputs, environment: environment))
        case .function(let plan):
            try run.countTrip()
            outputs = try Frame(plan, inputs: inputs, run: run).execute()
        }
        let missing = step.outputs.indices.first { index in step.outputs[index] != nil && (index >= outputs.count || outputs[index] == nil) }
        if let missing, case .kernel = step.action {
            throw ModelError(.unsupported, "makes no output \(missing), which is asked for")
        }
        if outputs.count < step.outputs.count { outputs += [Value?](repeating: nil, count: step.outputs.count - outputs.count) }
        return outputs
    }
}

/// Seconds on a clock that never jumps.
func monotonicSeconds() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
