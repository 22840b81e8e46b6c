internal import CKernels
internal import Tensors

/// A product with a matrix that stays in its codes: panels of it become numbers while they are multiplied, never the whole.
@safe
struct CodesProductStep: EpilogueHost, WeightedStep {
    let kernel: KernelBox<thimble_codes>
    let left: BufferID
    let weights: PackedWeights
    let bias: BufferID?
    var result: BufferID
    /// Where each left matrix begins, in elements.
    var leftOffsets = [0]
    let units: Int
    var epilogue: ElementwiseEpilogue?

    init(kernel: KernelBox<thimble_codes>, left: BufferID, weights: PackedWeights, bias: BufferID?, result: BufferID, leftOffsets: [Int] = [0]) {
        unsafe self.kernel = unsafe kernel
        self.left = left
        self.weights = weights
        self.bias = bias
        self.result = result
        self.leftOffsets = leftOffsets
        units = unsafe thimble_codes_units(kernel.pointer)
    }

    func adding(_ epilogue: ElementwiseEpilogue, result: BufferID) -> (any Step)? {
        // Rows of one product only are rows of the whole result.
        guard self.epilogue == nil, leftOffsets.count == 1 else { return nil }
        var copy = self
        (copy.epilogue, copy.result) = (epilogue, result)
        return copy
    }

    func run(_ run: ProgramRun) throws {
        let packed = unsafe try run.address(of: weights)
        unsafe kernel.with(epilogue, run) { unsafe multiply(run, $0, packed) }
    }

    private func multiply(_ run: ProgramRun, _ kernel: UnsafePointer<thimble_codes>, _ packed: UnsafeRawPointer) {
        let bias = unsafe bias.map { unsafe UnsafePointer(run.floats($0)) }, resultStep = unsafe kernel.pointee.m * kernel.pointee.n
        for (index, offset) in leftOffsets.enumerated() {
            let source = unsafe run.floats(left) + offset, target = unsafe run.floats(result) + index * resultStep
            unsafe run.share(units) { first, last, scratch in
                unsafe thimble_codes_run(kernel, source, packed, bias, nil, target, first, last, scratch)
            }
        }
    }
}
