internal import ModelGraph
internal import Tensors

/// Gets the nodes of each step of a program when it has run, and the seconds that it took.
typealias StepObserver = (_ nodes: [Node], _ seconds: Double) -> Void

/// A plan made ready for inputs of known element types and dims: weights packed, values at fixed places of one arena, nodes that
/// belong together done in one step. What cannot be known before a run is left to the operators' general kernels.
final class Program: Sendable {
    let buffers: [Buffer]
    /// Where a buffer lies that is part of another one.
    struct Part {
        let id: BufferID
        let offset: Int
    }

    /// Parts of each buffer: they move with it.
    let parts: [[Part]]
    let steps: [PlacedStep]
    /// In the plan's order; nil for those that nothing reads.
    let inputs: [BufferID?]
    let captures: [BufferID?]
    let outputs: [GenericStep.Operand]
    let arenaByteCount: Int
    /// Per thread.
    let scratchByteCount: Int

    /// That its steps read and that may not be made.
    let weights: [PackedWeights]

    /// What made it, until it runs again: to take that apart takes time that the first result can do without.
    private nonisolated(unsafe) var maker: AnyObject?

    private let lock = Lock()
    private nonisolated(unsafe) var idle: [ProgramRun] = []
    /// For the first run.
    private nonisolated(unsafe) var firstMemory: RunMemory?

    init(
        buffers: [Buffer], steps: [PlacedStep], inputs: [BufferID?], captures: [BufferID?], outputs: [GenericStep.Operand], arenaByteCount: Int,
        scratchByteCount: Int, weights: [PackedWeights], memory: RunMemory, maker: AnyObject
    ) {
        self.buffers = buffers
        self.steps = steps
        self.inputs = inputs
        self.captures = captures
        self.outputs = outputs
        self.arenaByteCount = arenaByteCount
        self.scratchByteCount = scratchByteCount
        self.weights = weights
        unsafe firstMemory = memory
        unsafe self.maker = maker
        var parts = [[Part]](repeating: [], count: buffers.count)
        for (id, buffer) in buffers.enumerated() {
            if case .part(let whole, let offset) = buffer.home { parts[whole].append(Part(id: id, offset: offset)) }
        }
        self.parts = parts
    }

    func execute(inputs: [Value?], captured: [Value?], run: Run, observer: StepObserver? = nil) throws -> [Value?] {
        let memory = try takeIdle() ?? ProgramRun(self, takeMemory(), run: run)
        defer { lock.locked { unsafe idle.append(memory) } }
        return try memory.execute(inputs: inputs, captured: captured, run: run, observer: observer)
    }

    /// The memory of a run before, if there is one that is not in use.
    private func takeIdle() -> ProgramRun? {
        var maker: AnyObject?
        // Not taken apart while others wait.
        defer { withExtendedLifetime(maker) {} }
        return lock.locked {
            guard let memory = unsafe idle.popLast() else { return nil }
            unsafe swap(&maker, &self.maker)
            return memory
        }
    }

    private func takeMemory() -> RunMemory? {
        lock.locked {
            defer { unsafe firstMemory = nil }
            return unsafe firstMemory
        }
    }
}
