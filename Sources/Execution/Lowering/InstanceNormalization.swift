internal import CKernels
internal import Operators
internal import Tensors

/// InstanceNormalization in either layout.
enum InstanceNormalizationLowering: Lowering {
    static let operators = ["InstanceNormalization"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.inputs.count == 3, let x = item.inputs[0], let scale = item.inputs[1], let shift = item.inputs[2], let y = item.outputs.first ?? nil,
            compiler.isFloat(x), compiler.isFloat(scale), compiler.isFloat(shift), let dims = compiler.dims(x), dims.count >= 3, !dims.contains(0),
            compiler.dims(y) == dims, compiler.dims(scale) == [dims[1]], compiler.dims(shift) == [dims[1]]
        else { return false }
        let layout = compiler.layout(x)
        let norm = thimble_group_norm(
            family: thimble_processor(), batch: dims[0], channels: dims[1], spatial: dims[2...].reduce(1, *), groups: dims[1],
            epsilon: item.float("epsilon", 1e-5), channels_last: layout == .channelsLast)
        let box = KernelBox(norm), input = try compiler.read(x, layout), factors = try compiler.read(scale), offsets = try compiler.read(shift)
        let output = try compiler.make(y, layout)
        let step = GroupNormalizationStep(kernel: box, input: input, scale: factors, shift: offsets, output: output)
        compiler.emit(step, for: [item.step], reads: [input, factors, offsets], writes: [output], scratch: unsafe thimble_group_norm_scratch(box.pointer))
        return true
    }
}

struct GroupNormalizationStep: Step {
    let kernel: KernelBox<thimble_group_norm>
    let input: BufferID
    let scale: BufferID
    let shift: BufferID
    let output: BufferID

    func run(_ run: ProgramRun) throws {
        let source = unsafe run.floats(input), factors = unsafe run.floats(scale), offsets = unsafe run.floats(shift), target = unsafe run.floats(output)
        unsafe run.share(thimble_group_norm_units(kernel.pointer)) { first, last, scratch in
            unsafe thimble_group_norm_run(kernel.pointer, source, factors, offsets, target, first, last, scratch)
        }
    }
}
