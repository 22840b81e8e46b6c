internal import CSystem
internal import ModelGraph
internal import Tensors

/// A value that a generic kernel made is not what was inferred when the program was made: the program cannot go on.
struct ProgramMismatch: Error {
    let found: Value
    let expected: String
}

/// The memory of one run of a program. Used by one run at a time and kept for the next.
@safe
final class ProgramRun: @unchecked Sendable {
    private let program: Program
    private let memory: RunMemory
    private let workers: Int
    /// One per buffer; those of given buffers that nobody touches are never read.
    private let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>
    /// Of fresh and given buffers, while they are needed.
    private var values: [Value?]
    /// Limits, counters and threads of the run; set while one is under way.
    private(set) var run: Run
    private var isFirst = true
    /// All weights are made.
    private var isReady = false
    private var buffers: PackBuffers?
    /// Of the step that runs.
    private var passing: Range<Int>?

    /// `memory`: nil for some of its own.
    init(_ program: Program, _ memory: RunMemory?, run: Run) throws {
        self.program = program
        self.run = run
        workers = run.threads
        let memory = try memory ?? RunMemory(arena: program.arenaByteCount, scratch: program.scratchByteCount, run)
        self.memory = memory
        let arena = memory.arena
        values = [Value?](repeating: nil, count: program.buffers.count)
        // posix_memalign gave every memory a base.
        unsafe addresses = .allocate(capacity: max(1, program.buffers.count))
        unsafe addresses.initialize(repeating: arena.bytes.baseAddress!, count: max(1, program.buffers.count))
        for (id, buffer) in program.buffers.enumerated() {
            switch buffer.home {
            case .arena(let offset): unsafe addresses[id] = arena.bytes.baseAddress! + offset
            case .constant(let bytes): if let address = unsafe bytes.address { unsafe addresses[id] = UnsafeMutableRawPointer(mutating: address) }
            case .fresh, .given: break
            // A part comes after what it is part of.
            case .part(let whole, let offset): unsafe addresses[id] = addresses[whole] + offset
            }
        }
    }

    deinit {
        unsafe addresses.deallocate()
    }

    /// `inputs` and `captured` in the order of the program's; nil where the program has its standard value.
    func execute(inputs: [Value?], captured: [Value?], run: Run, observer: StepObserver? = nil) throws -> [Value?] {
        self.run = run
        defer {
            for index in values.indices { values[index] = nil }
            buffers = nil
        }
        if !isReady { isReady = run.packs.making.locked { program.weights.allSatisfy(\.isMade) } }
        for (buffer, value) in zip(program.inputs, inputs) {
            guard let buffer else { continue }
            if let value { try give(value, to: buffer) }
        }
        for (buffer, value) in zip(program.captures, captured) {
            if let buffer, let value { try give(value, to: buffer) }
        }
        for placed in program.steps {
            let start = observer == nil ? 0 : monotonicSeconds()
            for buffer in placed.makes { try make(buffer) }
            passing = placed.passing
            try placed.step.run(self)
            for buffer in placed.releases { values[buffer] = nil }
            if let observer { observer(placed.nodes.map(\.node), monotonicSeconds() - start) }
        }
        isFirst = false
        return try program.outputs.map(value)
    }

    /// Where a buffer lies during this run. As long as its `byteCount`.
    @inline(__always)
    subscript(_ buffer: BufferID) -> UnsafeMutableRawPointer { unsafe addresses[buffer] }

    @inline(__always)
    func floats(_ buffer: BufferID) -> UnsafeMutablePointer<Float> {
        unsafe addresses[buffer].assumingMemoryBound(to: Float.self)
    }

    // MARK: values

    func value(_ operand: GenericStep.Operand) throws -> Value? {
        switch operand {
        case .none: nil
        case .constant(let constant): try constant.value
        case .buffer(let buffer): try value(buffer)
        }
    }

    private func value(_ id: BufferID) throws -> Value? {
        let buffer = program.buffers[id]
        switch buffer.home {
        case .fresh, .given: return values[id]
        case .constant(let bytes): return .tensor(Tensor(buffer.elementType, dims: buffer.dims, bytes: bytes))
        case .part(let whole, let offset):
            guard case .tensor(let tensor)? = try value(whole), case .plain(let bytes) = tensor.encoding else { return nil }
            return .tensor(Tensor(buffer.elementType, dims: buffer.dims, bytes: bytes.slice(offset..<offset + buffer.byteCount)))
        case .arena: throw ModelError(.internalFault, "a value of the arena is asked for outside of it")
        }
    }

    private func make(_ id: BufferID) throws {
        let buffer = program.buffers[id]
        try run.checkAllocation(buffer.byteCount)
        // Later runs often get from the heap what the caller let go of; for the first one all of it is new.
        let memory = try isFirst ? OwnedMemory(lasting: buffer.byteCount) : OwnedMemory(byteCount: buffer.byteCount)
        values[id] = .tensor(Tensor(buffer.elementType, dims: buffer.dims, bytes: TensorBytes(memory)))
        unsafe place(id, memory.bytes.baseAddress!)
    }

    /// Takes what a generic kernel or the caller made.
    func give(_ value: Value, to id: BufferID) throws {
        let buffer = program.buffers[id]
        guard buffer.isTouched else {
            values[id] = value
            return
        }
        guard case .tensor(let given) = value, given.elementType == buffer.elementType, given.dims == buffer.dims else {
            throw ProgramMismatch(found: value, expected: "\(buffer.elementType)\(buffer.dims)")
        }
        let tensor = try given.inPlace()
        values[id] = .tensor(tensor)
        if case .plain(let bytes) = tensor.encoding, let address = unsafe bytes.address { unsafe place(id, UnsafeMutableRawPointer(mutating: address)) }
    }

    private func place(_ id: BufferID, _ address: UnsafeMutableRawPointer) {
        unsafe addresses[id] = address
        for part in program.parts[id] { unsafe addresses[part.id] = address + part.offset }
    }

    // MARK: weights

    /// Where weights lie from now on, or, in a session for one run, until this is called again.
    func address(of weights: PackedWeights) throws -> UnsafeRawPointer {
        if !isReady, let passing = try run.packs.making.locked({ try made(weights) }) { return unsafe base(of: passing) }
        return unsafe base(of: weights.memory)
    }

    /// Nil if they lie in their own memory.
    private func made(_ weights: PackedWeights) throws -> OwnedMemory? {
        guard !weights.isMade else { return nil }
        guard let passing, !weights.isReused else {
            let buffers = buffers ?? PackBuffers(run.packs)
            self.buffers = buffers
            try weights.make(buffers)
            return nil
        }
        let end = passing.lowerBound + weights.lineBytes, place = OwnedMemory(passing.lowerBound..<end, of: memory.arena)
        try weights.make(in: place, PackBuffers(run.packs, lent: OwnedMemory(end..<passing.upperBound, of: memory.arena)))
        return place
    }

    private func base(of memory: OwnedMemory) -> UnsafeRawPointer {
        // All memory has a base.
        unsafe UnsafeRawPointer(memory.bytes.baseAddress!)
    }

    // MARK: threads

    /// Calls `body` with ranges that make up `0..<units`, on the session's threads, each with scratch memory of its own.
    func share(_ units: Int, _ body: (_ first: Int, _ last: Int, _ scratch: UnsafeMutableRawPointer) -> Void) {
        let base = unsafe memory.scratch.bytes.baseAddress!
        guard units > 1, workers > 1, let pool = unsafe run.pool else { return unsafe body(0, units, base) }
        unsafe withoutActuallyEscaping(body) { body in
            var job = unsafe Job(body: body, scratch: base, stride: memory.scratchStride)
            unsafe withUnsafeMutablePointer(to: &job) { job in
                // Chunks small enough that threads end together.
                let grain = max(1, units / (4 * workers))
                unsafe thimble_pool_run(pool, units, grain, { context, first, last, worker in
                    let job = unsafe context!.assumingMemoryBound(to: Job.self)
                    unsafe job.pointee.body(first, last, job.pointee.scratch + Int(worker) * job.pointee.stride)
                }, job)
            }
        }
    }

    @safe
    private struct Job {
        let body: (Int, Int, UnsafeMutableRawPointer) -> Void
        let scratch: UnsafeMutableRawPointer
        let stride: Int
    }
}
