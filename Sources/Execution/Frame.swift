internal import ModelGraph
internal import Operators
internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The values of one graph while it runs.
final class Frame {
    private let plan: Plan
    let run: Run
    private var slots: [Value?]

    /// `inputs` in the order of the plan's; nil or too few: the initializer, or nothing.
    init(_ plan: Plan, inputs: [Value?], run: Run, outer: Frame? = nil) throws {
        self.plan = plan
        self.run = run
        slots = [Value?](repeating: nil, count: plan.slotCount)
        for (index, input) in plan.inputs.enumerated() {
            slots[input.slot] = try (index < inputs.count ? inputs[index] : nil) ?? input.standard?.value
        }
        if let outer { for capture in plan.captures { slots[capture.inner] = outer.slots[capture.outer] } }
    }

    private func value(_ operand: Plan.Operand) throws -> Value? {
        switch operand {
        case .none: nil
        case .slot(let slot): slots[slot]
        case .constant(let constant): try constant.value
        }
    }

    /// Values of all outputs, in order. A frame is used once.
    func execute(observer: (any RunObserver)? = nil) throws -> [Value] {
        try optionalOutputs(observer: observer).enumerated().map { index, value in
            guard let value else { throw ModelError(.invalidGraph, "output '\(plan.outputNames[index])' has no value") }
            return value
        }
    }

    /// The same; nil for an output that is an omitted input or output of a node.
    func optionalOutputs(observer: (any RunObserver)? = nil) throws -> [Value?] {
        for step in plan.steps {
            let start = observer == nil ? 0 : monotonicSeconds()
            let outputs = try within(step.node.label) { try perform(step) }
            if let observer { observer.ran(step.node, outputs: outputs, seconds: monotonicSeconds() - start) }
            for (index, slot) in step.outputs.enumerated() { if let slot { slots[slot] = outputs[index] } }
            for slot in step.releases { slots[slot] = nil }
        }
        return try plan.outputs.map(value)
    }

    /// As many outputs as the step has.
    private func perform(_ step: Plan.Step) throws -> [Value?] {
        let inputs = try step.operands.map(value)
        var outputs: [Value?]
        switch step.action {
        case .kernel(let kernel):
            let environment: any RunEnvironment = step.subgraphs.isEmpty ? run : NodeEnvironment(self, step.subgraphs)
            outputs = try kernel.run(Call(node: step.node, opset: step.opset, inputs: inputs, environment: environment))
        case .function(let plan):
            try run.countTrip()
            outputs = try Frame(plan, inputs: inputs, run: run).optionalOutputs()
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
private func monotonicSeconds() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
