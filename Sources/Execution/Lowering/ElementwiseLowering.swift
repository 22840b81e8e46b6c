internal import CKernels
internal import Operators
internal import Tensors

/// One pass of an elementwise program over memory.
struct ElementwiseStep: Step {
    let kernel: KernelBox<thimble_elementwise>
    let inputs: [BufferID]
    let output: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        unsafe withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: inputs.count + 1) { pointers in
            for (index, input) in inputs.enumerated() { unsafe pointers[index] = UnsafeRawPointer(run[input]) }
            var target: UnsafeMutableRawPointer? = unsafe run[output]
            nonisolated(unsafe) let sources = pointers.baseAddress
            unsafe withUnsafeMutablePointer(to: &target) { target in
                nonisolated(unsafe) let target = unsafe target
                unsafe run.share(units) { first, last, scratch in unsafe thimble_elementwise_run(kernel.pointer, sources, target, first, last, scratch) }
            }
        }
    }
}

extension Compiler {
    /// The group's work as the end of the step before, or as a step of its own. False if it must stay generic.
    func lowerElementwise(_ members: [Int], root: Int) throws -> Bool {
        let items = members.map { unfolding.items[$0] }
        guard let output = items.last?.outputs[0], isFloat(output), let program = ElementwiseProgram(members, unfolding) else { return false }
        if try attach(program, items, output) { return true }
        if try emit(program, items, output) { return true }
        guard members.count > 1 else { return false }
        // Too much for one program.
        for index in members where try !lowerElementwise([index], root: index) { try lowerGenerically(unfolding.items[index]) }
        return true
    }

    private func emit(_ program: ElementwiseProgram, _ items: [Item], _ output: ValueID) throws -> Bool {
        guard let dims = dims(output) else { return false }
        let layout = layout(of: program, dims)
        var sources: [Source] = []
        for leaf in program.leaves {
            guard let source = try source(leaf, dims, layout) else { return false }
            sources.append(source)
        }
        let physical = layout.physical(dims)
        guard let kernel = kernel(program, program.operand(of: output), sources, physical) else { return false }
        let target = try make(output, layout)
        let scratch = unsafe thimble_elementwise_scratch(kernel.pointer), units = unsafe thimble_elementwise_units(kernel.pointer)
        emit(
            ElementwiseStep(kernel: kernel, inputs: sources.map(\.buffer), output: target, units: units), for: items.map(\.step), reads: sources.map(\.buffer),
            writes: [target], scratch: scratch)
        return true
    }

    /// Channels last if something of the result's shape is there in that layout only.
    private func layout(of program: ElementwiseProgram, _ dims: [Int]) -> Layout {
        let full = program.leaves.compactMap { leaf -> ValueID? in
            guard case .value(let id) = leaf, self.dims(id) == dims, isFloat(id), !isConstant(id) else { return nil }
            return id
        }
        return full.contains { layout($0) == .channelsLast } ? .channelsLast : .plain
    }

    // MARK: operands

    /// Where a leaf is read from: strides per axis of the result as it lies in memory.
    private struct Source {
        let buffer: BufferID
        let type: thimble_type
        let strides: [Int]
    }

    private func source(_ leaf: ElementwiseProgram.Leaf, _ dims: [Int], _ layout: Layout) throws -> Source? {
        switch leaf {
        case .channels(let numbers):
            guard dims.count >= 2 else { return nil }
            let memory = try NewElements(numbers).memory
            let strides = Self.strides(of: [numbers.count] + Array(repeating: 1, count: dims.count - 2), in: .plain, as: dims, layout)
            return strides.map { Source(buffer: constantBuffer(TensorBytes(memory), .float, [numbers.count]), type: THIMBLE_TYPE_F32, strides: $0) }
        case .value(let id):
            guard let own = self.dims(id) else { return nil }
            guard isFloat(id) else {
                guard let strides = Self.strides(of: own, in: .plain, as: dims, layout) else { return nil }
                let type = switch fact(id).elementType {
                case .uint8: THIMBLE_TYPE_U8
                case .int8: THIMBLE_TYPE_I8
                case .int32: THIMBLE_TYPE_I32
                case .int64: THIMBLE_TYPE_I64
                default: THIMBLE_TYPE_BOOL
                }
                return Source(buffer: try readExact(id), type: type, strides: strides)
            }
            let form = own == dims ? layout : .plain
            guard let strides = Self.strides(of: own, in: form, as: dims, layout) else { return nil }
            return Source(buffer: try read(id, form), type: THIMBLE_TYPE_F32, strides: strides)
        }
    }

    /// Strides of a value that is broadcast to `dims`, per axis of the result in memory; nil if it does not broadcast.
    static func strides(of own: [Int], in form: Layout, as dims: [Int], _ layout: Layout) -> [Int]? {
        guard own.count <= dims.count else { return nil }
        var logical = denseStrides(own)
        if form == .channelsLast, own.count >= 3 {
            let physical = denseStrides(form.physical(own))
            logical = [physical[0], physical[own.count - 1]] + physical[1..<own.count - 1]
        }
        let padded = Array(repeating: 1, count: dims.count - own.count) + own
        var strides = Array(repeating: 0, count: dims.count - own.count) + logical
        for axis in dims.indices {
            if padded[axis] == 1 { strides[axis] = 0 } else if padded[axis] != dims[axis] { return nil }
        }
        return layout.physical(strides)
    }

    private func kernel(_ program: ElementwiseProgram, _ result: ElementwiseProgram.Operand?, _ sources: [Source], _ dims: [Int]) -> KernelBox<thimble_elementwise>? {
        guard let made = fill(program, result, sources, dims) else { return nil }
        return unsafe thimble_elementwise_prepare(made.pointer) ? made : nil
    }

    private func fill(_ program: ElementwiseProgram, _ result: ElementwiseProgram.Operand?, _ sources: [Source], _ dims: [Int]) -> KernelBox<thimble_elementwise>? {
        guard let result, dims.count <= Int(THIMBLE_ELEMENTWISE_RANK), sources.count <= Int(THIMBLE_ELEMENTWISE_INPUTS) else { return nil }
        let box = KernelBox(thimble_elementwise())
        unsafe thimble_elementwise_begin(box.pointer, thimble_processor(), dims, dims.count)
        let inputs = sources.map { unsafe thimble_elementwise_input(box.pointer, $0.type, $0.strides) }
        var results: [UInt32] = [], numbers: [Float] = [], constants: [UInt32] = []
        func value(_ operand: ElementwiseProgram.Operand) -> UInt32 {
            switch operand {
            case .leaf(let index): return inputs[index]
            case .result(let index): return results[index]
            case .number(let number):
                if let known = numbers.firstIndex(of: number) { return constants[known] }
                numbers.append(number)
                constants.append(unsafe thimble_elementwise_constant(box.pointer, number))
                return constants[constants.count - 1]
            }
        }
        for step in program.instructions {
            let a = value(step.a)
            let b = step.op.readsTwo ? value(step.b) : 0, c = step.op.readsThree ? value(step.c) : 0
            results.append(unsafe thimble_elementwise_apply(box.pointer, step.op, a, b, c, step.p, step.q))
        }
        unsafe thimble_elementwise_output(box.pointer, THIMBLE_TYPE_F32, denseStrides(dims), value(result))
        return box
    }

    // MARK: the end of another step

    /// True if the program became the end of the step that makes one of its operands.
    private func attach(_ program: ElementwiseProgram, _ items: [Item], _ output: ValueID) throws -> Bool {
        guard let dims = dims(output), dims.count >= 2 else { return false }
        var best: (leaf: Int, step: Int, layout: Layout, host: any EpilogueHost)?
        for (index, leaf) in program.leaves.enumerated() {
            guard case .value(let id) = leaf, isFloat(id), !isConstant(id), self.dims(id) == dims else { continue }
            let reads = items.reduce(0) { $0 + $1.inputs.count { $0 == id } }
            let layout = layout(id)
            guard reads == unfolding.values[id].uses, let buffer = existing(id, layout), let step = maker(of: buffer),
                step > best?.step ?? -1,
                let host = steps[step].step.epilogueHost, host.result == buffer
            else { continue }
            best = (index, step, layout, host)
        }
        guard let best else { return false }
        if let convolution = best.host as? ConvolutionStep {
            let folded = try fold(program, leaf: best.leaf, dims, into: convolution, at: best.step, best.layout)
            if try attach(folded, items, output, dims, at: best.step, best.layout) { return true }
        }
        if let product = best.host as? MatMulStep {
            let folded = try fold(program, leaf: best.leaf, dims, into: product, at: best.step)
            if try attach(folded, items, output, dims, at: best.step, best.layout) { return true }
        }
        return try attach(program, items, output, dims, leaf: best.leaf, best.host, at: best.step, best.layout)
    }

    /// What is left becomes an end, if it can be one and something is left.
    private func attach(
        _ folded: Folded, _ items: [Item], _ output: ValueID, _ dims: [Int], at step: Int, _ layout: Layout
    ) throws -> Bool {
        if case .result? = folded.program.operand(of: output) {
            return try attach(folded.program, items, output, dims, leaf: folded.leaf, folded.step, at: step, layout, reads: folded.reads)
        }
        replaceStep(at: step, with: folded.step, adding: items.map(\.step), reads: folded.reads, writes: [folded.step.result])
        define(output, as: folded.step.result, layout)
        return true
    }

    private func attach(
        _ program: ElementwiseProgram, _ items: [Item], _ output: ValueID, _ dims: [Int], leaf: Int, _ host: any EpilogueHost, at step: Int, _ layout: Layout,
        reads: [BufferID] = []
    ) throws -> Bool {
        let physical = layout.physical(dims), columns = physical[physical.count - 1], rows = physical.dropLast().reduce(1, *)
        // All operands must be there before the step, without a conversion after it, and be one number, or one per row, column or element.
        var sources: [Source] = []
        for (index, other) in program.leaves.enumerated() {
            if index == leaf {
                sources.append(Source(buffer: host.result, type: THIMBLE_TYPE_F32, strides: [columns, 1]))
                continue
            }
            if case .value(let id) = other {
                guard let buffer = existing(id, self.dims(id) == dims ? layout : .plain) else { return false }
                if let maker = maker(of: buffer), maker >= step { return false }
            }
            guard let source = try source(other, dims, layout), let pair = Self.asMatrix(source.strides, physical) else { return false }
            sources.append(Source(buffer: source.buffer, type: source.type, strides: pair))
        }
        // The kernel's own result is the first input.
        let order = [leaf] + program.leaves.indices.filter { $0 != leaf }
        guard let result = program.operand(of: output),
            let draft = fill(program.reordered(order), result.reordered(order), order.map { sources[$0] }, [rows, columns])
        else { return false }
        let box = unsafe KernelBox(unsafe thimble_epilogue_program())
        guard unsafe thimble_epilogue_program_prepare(box.pointer, draft.pointer) else { return false }
        let inputs = order.dropFirst().map { sources[$0].buffer }
        let target = try make(output, layout)
        guard let changed = unsafe host.adding(ElementwiseEpilogue(kernel: box, inputs: inputs), result: target) else {
            throw ModelError(.internalFault, "a step took no second end")
        }
        replaceStep(at: step, with: changed, adding: items.map(\.step), reads: inputs + reads, writes: [target])
        return true
    }

    /// Strides from row to row and column to column of a matrix of which `dims` is one view; nil if there is no such.
    static func asMatrix(_ strides: [Int], _ dims: [Int]) -> [Int]? {
        var row = 0, count = 1
        for axis in dims.indices.dropLast().reversed() where dims[axis] > 1 {
            if count == 1 { row = strides[axis] } else if strides[axis] != row * count { return nil }
            count *= dims[axis]
        }
        return [row, strides[dims.count - 1]]
    }
}

extension thimble_op {
    fileprivate var readsThree: Bool { self == THIMBLE_OP_WHERE || self == THIMBLE_OP_MULTIPLY_ADD }
    /// The enumeration lists operators of one operand, then those of two, then of three.
    fileprivate var readsTwo: Bool { rawValue >= THIMBLE_OP_ADD.rawValue }
}
