internal import CKernels
internal import Operators
internal import Tensors

extension Compiler {
    /// Takes into a product with packed weights what it can do itself: a term per column, another value that is added, and bounds, in
    /// this order.
    func fold(_ program: ElementwiseProgram, leaf: Int, _ dims: [Int], into step: MatMulStep, at index: Int) throws -> Folded {
        var folded = Folded(step: step, program: program, leaf: leaf), step = step
        guard step.epilogue == nil, step.inputOffsets.count == 1 else { return folded }
        while let (place, instruction) = folded.program.first(of: folded.leaf) {
            guard try fold(instruction, &step, &folded, dims, at: index) else { break }
            folded.step = step
            (folded.program, folded.leaf) = folded.program.without(place, leaf: folded.leaf)
        }
        return folded
    }

    private func fold(_ instruction: ElementwiseProgram.Instruction, _ step: inout MatMulStep, _ folded: inout Folded, _ dims: [Int], at index: Int) throws -> Bool {
        let leaf = ElementwiseProgram.Operand.leaf(folded.leaf), described = unsafe step.kernel.pointer.pointee
        guard unsafe described.low == -.infinity, unsafe described.high == .infinity else { return false }
        switch instruction.op {
        case THIMBLE_OP_RELU where instruction.a == leaf: step = step.bounded(0, .infinity)
        case THIMBLE_OP_CLIP where instruction.a == leaf && instruction.p <= instruction.q: step = step.bounded(instruction.p, instruction.q)
        case THIMBLE_OP_ADD:
            guard step.residual == nil, case .leaf(let place) = instruction.a == leaf ? instruction.b : instruction.a,
                case .value(let id) = folded.program.leaves[place], isFloat(id), let own = self.dims(id)
            else { return false }
            if isConstant(id), own.last == dims.last, own.dropLast().allSatisfy({ $0 == 1 }), own.count <= dims.count {
                guard step.bias == nil else { return false }
                let bias = try read(id)
                step.bias = bias
                folded.reads.append(bias)
                return true
            }
            guard own == dims, !isConstant(id), let buffer = existing(id, .plain), maker(of: buffer) ?? -1 < index else { return false }
            step.residual = buffer
            folded.reads.append(buffer)
        default: return false
        }
        return true
    }
}

extension MatMulStep {
    /// The same with results clamped.
    fileprivate func bounded(_ low: Float, _ high: Float) -> MatMulStep {
        var described = unsafe kernel.pointer.pointee, copy = self
        unsafe (described.low, described.high) = (low, high)
        unsafe copy.kernel = unsafe KernelBox(described)
        return copy
    }
}
