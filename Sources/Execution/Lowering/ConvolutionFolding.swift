internal import CKernels
internal import Operators
internal import Tensors

/// What the beginning of an elementwise program became part of.
struct Folded {
    var step: any EpilogueHost
    /// What is left.
    var program: ElementwiseProgram
    var leaf: Int
    /// What the step reads now besides.
    var reads: [BufferID] = []
}

extension Compiler {
    /// Takes into a convolution what it can do itself: factors and terms per channel (BatchNormalization, a bias that is added), another
    /// value that is added, and bounds (Relu, Clip), in this order.
    func fold(_ program: ElementwiseProgram, leaf: Int, _ dims: [Int], into step: ConvolutionStep, at index: Int, _ layout: Layout) throws -> Folded {
        var folded = Folded(step: step, program: program, leaf: leaf), step = step
        guard step.epilogue == nil else { return folded }
        while let (place, instruction) = folded.program.first(of: folded.leaf) {
            guard let changed = try fold(instruction, step, &folded, dims, at: index, layout) else { break }
            (step, folded.step) = (changed, changed)
            (folded.program, folded.leaf) = folded.program.without(place, leaf: folded.leaf)
        }
        return folded
    }

    private func fold(
        _ instruction: ElementwiseProgram.Instruction, _ step: ConvolutionStep, _ folded: inout Folded, _ dims: [Int], at index: Int, _ layout: Layout
    ) throws -> ConvolutionStep? {
        let leaf = ElementwiseProgram.Operand.leaf(folded.leaf), program = folded.program
        let described = unsafe step.kernel.pointer.pointee
        guard unsafe described.low == -.infinity, unsafe described.high == .infinity else { return nil }
        func channels(_ operand: ElementwiseProgram.Operand) -> [Float]? { program.channels(operand, dims) }
        switch instruction.op {
        case THIMBLE_OP_RELU where instruction.a == leaf: return unsafe step.changed { unsafe ($0.low, $0.high) = (0, .infinity) }
        case THIMBLE_OP_CLIP where instruction.a == leaf && instruction.p <= instruction.q:
            return unsafe step.changed { unsafe ($0.low, $0.high) = (instruction.p, instruction.q) }
        case THIMBLE_OP_ADD:
            let other = instruction.a == leaf ? instruction.b : instruction.a
            if let terms = channels(other) { return step.residual == nil ? step.scaled(nil, terms) : nil }
            guard step.residual == nil, case .leaf(let place) = other, case .value(let id) = program.leaves[place], self.dims(id) == dims, isFloat(id),
                !isConstant(id), let buffer = existing(id, layout), maker(of: buffer) ?? -1 < index, layout == .channelsLast || Layout.isFree(dims)
            else { return nil }
            folded.reads.append(buffer)
            var changed = step
            changed.residual = buffer
            return changed
        case THIMBLE_OP_MUL:
            guard step.residual == nil, let factors = channels(instruction.a == leaf ? instruction.b : instruction.a) else { return nil }
            return step.scaled(factors, nil)
        case THIMBLE_OP_AFFINE where instruction.a == leaf:
            return step.residual == nil ? step.scaled([Float](repeating: instruction.p, count: dims[1]), [Float](repeating: instruction.q, count: dims[1])) : nil
        case THIMBLE_OP_MULTIPLY_ADD where instruction.a == leaf:
            guard step.residual == nil, let factors = channels(instruction.b), let terms = channels(instruction.c) else { return nil }
            return step.scaled(factors, terms)
        default: return nil
        }
    }
}

extension ConvolutionStep {
    /// Its result times factors plus terms, per channel.
    fileprivate func scaled(_ factors: [Float]?, _ terms: [Float]?) -> ConvolutionStep {
        var copy = self
        if let factors {
            copy.factors = self.factors.map { zip($0, factors).map { $0 * $1 } } ?? factors
            copy.biases = biases.map { zip($0, factors).map { $0 * $1 } }
        }
        if let terms { copy.biases = copy.biases.map { zip($0, terms).map { $0 + $1 } } ?? terms }
        return copy
    }
}

extension ElementwiseProgram {
    /// One number per channel of a result of those dims, if the operand is that and constant.
    func channels(_ operand: Operand, _ dims: [Int]) -> [Float]? {
        guard dims.count >= 2 else { return nil }
        switch operand {
        case .number(let number): return [Float](repeating: number, count: dims[1])
        case .result: return nil
        case .leaf(let index):
            switch leaves[index] {
            case .channels(let numbers): return numbers.count == dims[1] ? numbers : nil
            case .value(let id): return constantChannels(id, dims)
            }
        }
    }
}
