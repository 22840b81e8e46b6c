internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// A convolution or matrix product of 8-bit codes whose weights are constants, as one integer step: QLinearConv, QLinearMatMul, and
/// what stands between DequantizeLinear and QuantizeLinear.
struct Int8Product {
    /// Constant weights of codes with a scale and a zero point for all or for each output channel.
    struct Weights {
        let codes: ValueID
        let scales: [Float]
        let zeros: [Int32]
    }

    let input: QuantizedValue
    let weights: Weights
    /// Of scale input scale · weight scale.
    let bias: [Int32]
    let output: ValueID
    let result: Result

    enum Result {
        /// Codes of this quantity within limits.
        case codes(Quantity, limits: (low: Int32, high: Int32))
        /// Floats: the exact sum by the product of both scales.
        case floats
    }

    /// False, with nothing emitted, if dims or attributes do not suit.
    func emitConvolution(_ item: Item, x: [Int], y: [Int], nodes: [Plan.Step], _ compiler: Compiler) throws -> Bool {
        let groups = item.integer("group", 1)
        guard let w = compiler.dims(weights.codes), (3...4).contains(x.count), w.count == x.count, !y.contains(0), !x.contains(0), !w.contains(0), groups > 0,
            x[1] % groups == 0, w[0] % groups == 0, w[1] == x[1] / groups, w[0] == y[1], suits(channels: y[1]),
            let axes = ConvolutionLowering.axes(item, x: x, w: w, y: y, isTransposed: false)
        else { return false }
        let layout: Layout = Layout.isFree(x) ? .channelsLast : compiler.exactLayout(input.codes)
        var kernel = thimble_int8_conv()
        (kernel.batch, kernel.groups, kernel.in_channels, kernel.out_channels) = (x[0], groups, x[1], y[1])
        let (height, width) = (axes[0], axes[1])
        (kernel.height, kernel.width, kernel.out_height, kernel.out_width) = (height.in, width.in, height.out, width.out)
        (kernel.kernel_height, kernel.kernel_width, kernel.stride_y, kernel.stride_x) = (height.kernel, width.kernel, height.stride, width.stride)
        (kernel.dilation_y, kernel.dilation_x, kernel.pad_top, kernel.pad_left) = (height.dilation, width.dilation, height.pad, width.pad)
        (kernel.in_pixel, kernel.out_pixel, kernel.in_planes) = (x[1], y[1], layout == .plain)
        let area = height.kernel * width.kernel
        (kernel.weight_out, kernel.weight_in, kernel.weight_y, kernel.weight_x) = (w[1] * area, area, width.kernel, 1)
        let source: BufferID
        if layout == .channelsLast {
            let pixels = try compiler.readPixels(input.codes)
            (source, kernel.in_pixel) = (pixels.buffer, pixels.stride)
        } else {
            source = try compiler.readExact(input.codes)
        }
        try emit(&kernel, from: source, .channelsLast, nodes, compiler)
        return true
    }

    /// [rows, depth]·[depth, columns].
    func emitProduct(rows: Int, columns: Int, depth: Int, transposed: Bool, nodes: [Plan.Step], _ compiler: Compiler) throws -> Bool {
        guard rows > 0, columns > 0, depth > 0, suits(channels: columns) else { return false }
        var kernel = thimble_int8_conv()
        (kernel.batch, kernel.groups, kernel.in_channels, kernel.out_channels) = (1, 1, depth, columns)
        (kernel.height, kernel.width, kernel.out_height, kernel.out_width) = (1, rows, 1, rows)
        (kernel.kernel_height, kernel.kernel_width, kernel.stride_y, kernel.stride_x) = (1, 1, 1, 1)
        (kernel.dilation_y, kernel.dilation_x) = (1, 1)
        (kernel.in_pixel, kernel.out_pixel) = (depth, columns)
        (kernel.weight_out, kernel.weight_in) = transposed ? (depth, 1) : (1, columns)
        (kernel.weight_y, kernel.weight_x) = (1, 1)
        try emit(&kernel, from: try compiler.readExact(input.codes), .plain, nodes, compiler)
        return true
    }

    private func suits(channels: Int) -> Bool {
        [1, channels].contains(weights.scales.count) && [1, channels].contains(weights.zeros.count) && (bias.isEmpty || bias.count == channels)
    }

    private func emit(_ kernel: inout thimble_int8_conv, from source: BufferID, _ to: Layout, _ nodes: [Plan.Step], _ compiler: Compiler) throws {
        kernel.family = thimble_processor()
        kernel.in_signed = input.quantity.isSigned
        kernel.weight_signed = compiler.fact(weights.codes).elementType == .int8
        kernel.in_zero = input.quantity.zero
        let factors: [Float]
        switch result {
        case .codes(let quantity, let limits):
            (kernel.output, kernel.out_signed) = (THIMBLE_INT8_BYTES, quantity.isSigned)
            (kernel.out_zero, kernel.out_low, kernel.out_high) = (quantity.zero, limits.low, limits.high)
            // Each operation rounded, as ONNX Runtime computes it.
            factors = weights.scales.map { input.quantity.scale * $0 / quantity.scale }
        case .floats:
            (kernel.output, kernel.clamp_low, kernel.clamp_high) = (THIMBLE_INT8_FLOATS, -.infinity, .infinity)
            factors = weights.scales.map { input.quantity.scale * $0 }
        }
        unsafe thimble_int8_prepare(&kernel)
        let box = KernelBox(kernel)
        let packed = try pack(box, factors, compiler)
        let target = if case .floats = result { try compiler.make(output, to) } else { try compiler.makeExact(output, to) }
        let step = unsafe Int8ProductStep(kernel: box, source: source, weights: packed, target: target, units: thimble_int8_units(box.pointer))
        compiler.emit(step, for: nodes, reads: [source], writes: [target], scratch: unsafe thimble_int8_scratch(box.pointer))
    }

    private func pack(_ box: KernelBox<thimble_int8_conv>, _ factors: [Float], _ compiler: Compiler) throws -> PackedWeights {
        let kernel = unsafe box.pointer.pointee
        // All that the packed form depends on.
        var form = [
            7, kernel.groups, kernel.in_channels, kernel.out_channels, kernel.kernel_height, kernel.kernel_width, kernel.depthwise ? 1 : 0, kernel.vectors,
            kernel.in_signed ? 1 : 0, Int(kernel.in_zero), kernel.weight_out, kernel.weight_in, kernel.in_planes ? 1 : 0,
            Int(kernel.output.rawValue),
        ]
        form += factors.map { Int($0.bitPattern) } + weights.zeros.map { Int($0) } + bias.map { Int($0) }
        return try unsafe compiler.packedBytes(weights.codes, form: form, byteCount: thimble_int8_pack_size(box.pointer)) { numbers, memory in
            unsafe weights.zeros.withUnsafeBufferPointer { zeros in
                unsafe bias.withUnsafeBufferPointer { bias in
                    unsafe factors.withUnsafeBufferPointer { factors in
                        var channels = unsafe thimble_int8_channels()
                        unsafe (channels.zero, channels.zeros) = (zeros.baseAddress, zeros.count)
                        unsafe channels.bias = bias.isEmpty ? nil : bias.baseAddress
                        unsafe (channels.scale, channels.scales) = (factors.baseAddress, factors.count)
                        unsafe thimble_int8_pack(box.pointer, numbers, &channels, memory)
                    }
                }
            }
        }
    }
}
