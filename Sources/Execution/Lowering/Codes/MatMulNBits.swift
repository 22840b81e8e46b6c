internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Products with a constant matrix that stays in its codes of a few bits (com.microsoft MatMulNBits): panels of it become floats while
/// they are multiplied, never the whole.
enum MatMulNBitsLowering: Lowering {
    static let operators = ["com.microsoft:MatMulNBits"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        func input(_ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }
        let (n, k, bits, block) = (item.integer("N", 0), item.integer("K", 0), item.integer("bits", 4), item.integer("block_size", 0))
        guard let a = input(0), let w = input(1), let s = input(2), input(4) == nil, let y = item.outputs.first ?? nil, compiler.isFloat(a),
            compiler.isFloat(y), let dims = compiler.dims(a), let depth = dims.last, !dims.contains(0), compiler.fact(w).elementType == .uint8,
            [2, 4, 8].contains(bits), (1...1 << 31).contains(n), (1...1 << 31).contains(k), depth == k, (8...1 << 20).contains(block), block & (block - 1) == 0,
            compiler.isConstant(w), let scaleIdentity = compiler.unfolding.identity(s)
        else { return false }
        let blocks = (k + block - 1) / block, zeroBytes = (blocks * bits + 7) / 8
        // At most 2^59 blocks.
        guard compiler.dims(w).flatMap({ elementCount(of: $0) }) == checkedMultiply(n * blocks, block * bits / 8),
            compiler.dims(s).flatMap({ elementCount(of: $0) }) == n * blocks
        else { return false }
        var zeroIdentity = 0
        if let zero = input(3) {
            guard compiler.fact(zero).elementType == .uint8, compiler.dims(zero).flatMap({ elementCount(of: $0) }) == n * zeroBytes,
                let identity = compiler.unfolding.identity(zero)
            else { return false }
            zeroIdentity = identity
        }
        var bias: BufferID?
        if let id = input(5) {
            guard let numbers = compiler.unfolding.numbers(id), numbers.count == n else { return false }
            bias = compiler.constantBuffer(TensorBytes(try NewElements(numbers).memory), .float, [n])
        }

        var kernel = unsafe thimble_codes()
        unsafe (kernel.family, kernel.m, kernel.n, kernel.k) = (thimble_processor(), dims.dropLast().reduce(1, *), n, k)
        unsafe (kernel.a_stride, kernel.c_stride, kernel.kind, kernel.bits) = (k, n, THIMBLE_CODES_AFFINE, UInt32(bits))
        unsafe (kernel.group, kernel.zeros, kernel.low, kernel.high) = (block, input(3) != nil, -.infinity, .infinity)
        unsafe thimble_codes_prepare(&kernel)
        let box = unsafe KernelBox(unsafe kernel), size = unsafe thimble_codes_pack_size(box.pointer)
        guard let scales = compiler.unfolding.numbers(s) else { return false }
        let zeros = try input(3).map { try compiler.unfolding.tensor($0).inPlace().elements(as: UInt8.self) }.map { Array($0) } ?? []
        let packed = unsafe try compiler.packedBytes(w, form: [8, n, k, bits, block, scaleIdentity, zeroIdentity], byteCount: size) { codes, memory in
            unsafe scales.withUnsafeBufferPointer { scales in
                unsafe zeros.withUnsafeBufferPointer { zeros in
                    var source = unsafe thimble_codes_source()
                    unsafe (source.codes, source.size) = (codes.assumingMemoryBound(to: UInt8.self), n * blocks * (block * bits / 8))
                    unsafe (source.k_step, source.n_step, source.pivot) = (1, blocks * block, 1 << Int32(bits - 1))
                    unsafe (source.scale, source.scale_grid) = (scales.baseAddress, thimble_codes_grid(k_step: 1, n_step: blocks, columns: 1))
                    if !zeros.isEmpty {
                        unsafe (source.zero_codes, source.zero_size) = (zeros.baseAddress, zeros.count)
                        unsafe source.zero_grid = thimble_codes_grid(k_step: 1, n_step: zeroBytes * 8 / bits, columns: 1)
                    }
                    _ = unsafe thimble_codes_pack(box.pointer, &source, memory)
                }
            }
        }
        let left = try compiler.read(a), target = try compiler.make(y)
        let step = unsafe CodesProductStep(kernel: box, left: left, weights: packed, bias: bias, result: target)
        compiler.emit(step, for: [item.step], reads: [left, bias].compactMap { $0 }, writes: [target], scratch: unsafe thimble_codes_scratch(box.pointer))
        return true
    }
}
