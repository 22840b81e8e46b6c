internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// MatMulInteger with constant weights; the zero point of the left operand may come from the run, as DynamicQuantizeLinear's does.
enum MatMulIntegerLowering: Lowering {
    static let operators = ["MatMulInteger"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        func input(_ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }
        guard let a = input(0), let b = input(1), let y = item.outputs.first ?? nil, let left = compiler.dims(a), let right = compiler.dims(b),
            let out = compiler.dims(y), left.count >= 2, right.count == 2, !left.contains(0), !right.contains(0), left[left.count - 1] == right[0],
            out == Array(left.dropLast()) + [right[1]], !compiler.isConstant(a), compiler.isConstant(b), Compiler.isByte(compiler.fact(a).elementType),
            Compiler.isByte(compiler.fact(b).elementType)
        else { return false }
        var zeros: [Int32] = [0]
        if let zero = input(3) {
            guard let numbers = compiler.integers(zero), [1, right[1]].contains(numbers.count), compiler.dims(zero)?.count ?? 2 <= 1 else { return false }
            zeros = numbers
        }
        if let zero = input(2) {
            guard let dims = compiler.dims(zero), elementCount(of: dims) == 1, compiler.fact(zero).elementType == compiler.fact(a).elementType else { return false }
        }
        let rows = left.dropLast().reduce(1, *), (depth, columns) = (right[0], right[1])
        var kernel = thimble_int8_conv()
        (kernel.family, kernel.batch, kernel.groups, kernel.in_channels, kernel.out_channels) = (thimble_processor(), 1, 1, depth, columns)
        (kernel.height, kernel.width, kernel.out_height, kernel.out_width) = (1, rows, 1, rows)
        (kernel.kernel_height, kernel.kernel_width, kernel.stride_y, kernel.stride_x, kernel.dilation_y, kernel.dilation_x) = (1, 1, 1, 1, 1, 1)
        (kernel.in_pixel, kernel.out_pixel) = (depth, columns)
        (kernel.weight_out, kernel.weight_in, kernel.weight_y, kernel.weight_x) = (1, columns, 1, 1)
        (kernel.in_signed, kernel.weight_signed) = (compiler.fact(a).elementType == .int8, compiler.fact(b).elementType == .int8)
        kernel.output = THIMBLE_INT8_SUMS
        unsafe thimble_int8_prepare(&kernel)
        let box = KernelBox(kernel), size = unsafe thimble_int8_pack_size(box.pointer)
        let form = [9, depth, columns, kernel.in_signed ? 1 : 0, kernel.vectors, kernel.padded] + zeros.map { Int($0) }
        let packed = unsafe try compiler.packedBytes(b, form: form, byteCount: size) { numbers, memory in
            unsafe zeros.withUnsafeBufferPointer { zeros in
                var channels = unsafe thimble_int8_channels()
                unsafe (channels.zero, channels.zeros) = (zeros.baseAddress, zeros.count)
                unsafe thimble_int8_pack(box.pointer, numbers, &channels, memory)
            }
        }
        let source = try compiler.readExact(a), zero = try input(2).map { try compiler.readExact($0) }, target = try compiler.makeExact(y)
        let step = unsafe MatMulIntegerStep(
            kernel: box, source: source, zero: zero, weights: packed, target: target, units: thimble_int8_units(box.pointer))
        compiler.emit(step, for: [item.step], reads: [source, zero].compactMap { $0 }, writes: [target], scratch: unsafe thimble_int8_scratch(box.pointer))
        return true
    }
}

@safe
struct MatMulIntegerStep: WeightedStep {
    let kernel: KernelBox<thimble_int8_conv>
    let source: BufferID
    /// One byte; nil: 0.
    let zero: BufferID?
    let weights: PackedWeights
    let target: BufferID
    let units: Int

    func run(_ run: ProgramRun) throws {
        let packed = unsafe try run.address(of: weights)
        let from = unsafe run[source], to = unsafe run[target], isSigned = unsafe kernel.pointer.pointee.in_signed
        let byte = zero.map { unsafe run.bytes($0).pointee } ?? 0
        var now = thimble_int8_now(in_zero: isSigned ? Int32(Int8(bitPattern: byte)) : Int32(byte), in_scale: 1)
        unsafe withUnsafePointer(to: &now) { now in
            nonisolated(unsafe) let now = unsafe now
            unsafe run.share(units) { first, last, scratch in
                unsafe thimble_int8_run(kernel.pointer, from, packed, now, to, first, last, scratch)
            }
        }
    }
}
