internal import CKernels
internal import Operators
internal import Tensors

/// MatMul and Gemm in binary32: weights packed once, other right operands in each run.
enum MatMulLowering: Lowering {
    static let operators = ["MatMul", "Gemm", "com.microsoft:FusedMatMul"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.inputs.count >= 2, let a = item.inputs[0], let b = item.inputs[1], let y = item.outputs.first ?? nil,
            compiler.isFloat(a), compiler.isFloat(b), compiler.isFloat(y), let aDims = compiler.dims(a), let bDims = compiler.dims(b),
            let yDims = compiler.dims(y), !yDims.contains(0), !aDims.contains(0), item.integer("transA", 0) == 0,
            item.integer("transBatchA", 0) == 0, item.integer("transBatchB", 0) == 0
        else { return false }
        let transposeB = item.integer("transB", 0) != 0
        guard let shape = try? MatrixShape(aDims, bDims, transposeB: transposeB) else { return false }
        let isGemm = item.operatorName == "Gemm"
        var bias: BufferID?
        let factor = isGemm || item.operatorName != "MatMul" ? item.float("alpha", 1) : 1
        if isGemm, item.inputs.count > 2, let c = item.inputs[2] {
            guard let made = try self.bias(c, item.float("beta", 1), columns: shape.n, compiler) else { return false }
            bias = made
        }

        if compiler.isConstant(b), shape.bOffsets.allSatisfy({ $0 == 0 }), let weights = compiler.unfolding.coded(b),
            try lowerCoded(item, weights, a, y, shape, transposeB, factor, bias, compiler)
        { return true }

        var kernel = unsafe thimble_matmul()
        unsafe (kernel.family, kernel.m, kernel.n, kernel.k) = (thimble_processor(), shape.m, shape.n, shape.k)
        unsafe (kernel.a_stride, kernel.c_stride, kernel.residual_stride) = (shape.k, shape.n, shape.n)
        unsafe (kernel.low, kernel.high) = (-.infinity, .infinity)
        unsafe thimble_matmul_prepare(&kernel)
        let box = unsafe KernelBox(unsafe kernel)
        let packSize = unsafe thimble_matmul_pack_size(box.pointer)

        let input = try compiler.read(a)
        if compiler.isConstant(b), shape.bOffsets.allSatisfy({ $0 == 0 }) {
            let (step, columnStep) = transposeB ? (1, shape.k) : (shape.n, 1), form = [1, shape.n, shape.k, transposeB ? 1 : 0, Int(factor.bitPattern)]
            let weights = unsafe try compiler.packed(
                b, form: form, byteCount: packSize, unit: thimble_matmul_pack_unit(box.pointer, step, columnStep)
            ) { numbers, range, memory in
                unsafe thimble_matmul_pack_part(box.pointer, numbers, range.lowerBound, range.upperBound, step, columnStep, factor, memory)
            }
            let output = try compiler.make(y)
            let product = unsafe MatMulStep(
                kernel: box, input: input, weights: weights, bias: bias, result: output, inputOffsets: shape.aOffsets, resultStep: shape.m * shape.n,
                units: unsafe thimble_matmul_units(box.pointer))
            compiler.emit(product, for: [item.step], reads: [input] + (bias.map { [$0] } ?? []), writes: [output], scratch: unsafe thimble_matmul_scratch(box.pointer))
            return true
        }
        guard bias == nil else { return false }
        let right = try compiler.read(b), output = try compiler.make(y)
        let step = unsafe ProductStep(
            kernel: box, left: input, right: right, result: output, leftOffsets: shape.aOffsets, rightOffsets: shape.bOffsets, resultStep: shape.m * shape.n,
            rightSteps: transposeB ? (1, shape.k) : (shape.n, 1), factor: factor, units: unsafe thimble_matmul_units(box.pointer), packSize: packSize)
        let scratch = unsafe packSize + thimble_matmul_scratch(box.pointer)
        compiler.emit(step, for: [item.step], reads: [input, right], writes: [output], scratch: scratch)
        return true
    }

    /// Weights that stay in codes; false if theirs do not suit kernels.
    private static func lowerCoded(
        _ item: Item, _ weights: CodedWeights, _ a: ValueID, _ y: ValueID, _ shape: MatrixShape, _ transposeB: Bool, _ factor: Float, _ bias: BufferID?,
        _ compiler: Compiler
    ) throws -> Bool {
        let rank = weights.dims.count
        guard rank >= 2, let matrix = CodedMatrix(weights, depth: transposeB ? rank - 1 : rank - 2, columns: transposeB ? rank - 2 : rank - 1) else { return false }
        var kernel = unsafe thimble_codes()
        unsafe (kernel.m, kernel.a_stride, kernel.c_stride) = (shape.m, shape.k, shape.n)
        unsafe (kernel.low, kernel.high) = (-.infinity, .infinity)
        guard unsafe matrix.describe(&kernel) else { return false }
        let packed = unsafe try matrix.packed(&kernel, factor: factor, compiler), box = unsafe KernelBox(unsafe kernel)
        let left = try compiler.read(a), result = try compiler.make(y)
        let step = unsafe CodesProductStep(kernel: box, left: left, weights: packed, bias: bias, result: result, leftOffsets: shape.aOffsets)
        compiler.emit(step, for: [item.step], reads: [left, bias].compactMap { $0 }, writes: [result], scratch: unsafe thimble_codes_scratch(box.pointer))
        return true
    }

    /// Gemm's C as one number per column; nil if it is no constant of such a shape.
    private static func bias(_ c: ValueID, _ beta: Float, columns: Int, _ compiler: Compiler) throws -> BufferID? {
        guard let dims = compiler.dims(c), let numbers = compiler.unfolding.numbers(c), dims.dropLast().allSatisfy({ $0 == 1 }),
            numbers.count == columns || numbers.count == 1
        else { return nil }
        let memory = try NewElements((0..<columns).map { numbers[numbers.count == 1 ? 0 : $0] * beta }).memory
        return compiler.constantBuffer(TensorBytes(memory), .float, [columns])
    }
}

/// A product with packed weights.
@safe
struct MatMulStep: EpilogueHost, WeightedStep {
    var kernel: KernelBox<thimble_matmul>
    let input: BufferID
    let weights: PackedWeights
    var bias: BufferID?
    /// Added to the result; where there is one left matrix only.
    var residual: BufferID?
    var result: BufferID
    /// Where each left matrix begins, in elements.
    let inputOffsets: [Int]
    let resultStep: Int
    let units: Int
    var epilogue: ElementwiseEpilogue?

    func adding(_ epilogue: ElementwiseEpilogue, result: BufferID) -> (any Step)? {
        // Rows of one product only are rows of the whole result.
        guard self.epilogue == nil, inputOffsets.count == 1 else { return nil }
        var copy = self
        (copy.epilogue, copy.result) = (epilogue, result)
        return copy
    }

    func run(_ run: ProgramRun) throws {
        let packed = unsafe try run.address(of: weights)
        unsafe kernel.with(epilogue, run) { unsafe multiply(run, $0, packed) }
    }

    private func multiply(_ run: ProgramRun, _ kernel: UnsafePointer<thimble_matmul>, _ packed: UnsafeRawPointer) {
        let bias = unsafe bias.map { unsafe UnsafePointer(run.floats($0)) }, residual = unsafe residual.map { unsafe UnsafePointer(run.floats($0)) }
        for (index, offset) in inputOffsets.enumerated() {
            let source = unsafe run.floats(input) + offset, target = unsafe run.floats(result) + index * resultStep
            unsafe run.share(units) { first, last, scratch in
                unsafe thimble_matmul_run(kernel, source, packed, bias, residual, target, first, last, scratch)
            }
        }
    }
}

/// Products of two values of the run; right operands are packed on the way.
@safe
struct ProductStep: Step {
    let kernel: KernelBox<thimble_matmul>
    let left: BufferID
    let right: BufferID
    let result: BufferID
    let leftOffsets: [Int]
    let rightOffsets: [Int]
    let resultStep: Int
    let rightSteps: (k: Int, n: Int)
    let factor: Float
    let units: Int
    let packSize: Int

    func run(_ run: ProgramRun) throws {
        let a = unsafe run.floats(left), b = unsafe run.floats(right), c = unsafe run.floats(result)
        // Whole products go to threads: each packs its own right operand.
        unsafe run.share(leftOffsets.count) { first, last, scratch in
            for index in first..<last {
                unsafe thimble_matmul_pack(kernel.pointer, b + rightOffsets[index], rightSteps.k, rightSteps.n, factor, scratch)
                unsafe thimble_matmul_run(
                    kernel.pointer, a + leftOffsets[index], scratch, nil, nil, c + index * resultStep, 0, units, scratch + packSize)
            }
        }
    }
}
