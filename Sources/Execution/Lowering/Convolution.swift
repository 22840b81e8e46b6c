internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Convolutions of one or two spatial axes in binary32, channels last. Constant weights only.
enum ConvolutionLowering: Lowering {
    static let operators = ["Conv", "ConvTranspose", "com.microsoft:FusedConv"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let x = item.inputs.first ?? nil, item.inputs.count >= 2, let w = item.inputs[1], let y = item.outputs.first ?? nil,
            compiler.isFloat(x), compiler.isFloat(y), compiler.isConstant(w), compiler.isFloat(w),
            let xDims = compiler.dims(x), let wDims = compiler.dims(w), let yDims = compiler.dims(y),
            (3...4).contains(xDims.count), wDims.count == xDims.count, !yDims.contains(0), !xDims.contains(0), !wDims.contains(0)
        else { return false }
        let isTransposed = item.operatorName == "ConvTranspose"
        guard let bias = try bias(item, yDims[1], compiler), let limits = limits(item) else { return false }
        let residual = item.inputs.count > 3 ? item.inputs[3] : nil
        if let residual, compiler.dims(residual) != yDims || !compiler.isFloat(residual) { return false }
        guard var axes = axes(item, x: xDims, w: wDims, y: yDims, isTransposed: isTransposed) else { return false }
        var source = x
        if !isTransposed, let padding = try compiler.zeroPadding(x), let inner = compiler.dims(padding.inner) {
            source = padding.inner
            compiler.withdrawStep(at: padding.step)
            for axis in padding.before.indices {
                let place = axes.count - padding.before.count + axis
                axes[place].in = inner[axis + 2]
                axes[place].pad += padding.before[axis]
            }
        }

        // A few channels are read where they lie; the result has channels last either way.
        let isPlanar = !isTransposed && xDims[1] <= 4 && item.integer("group", 1) == 1 && compiler.layout(source) == .plain && !Layout.isFree(xDims)
        var kernel = unsafe thimble_conv()
        unsafe kernel.family = thimble_processor()
        unsafe kernel.exact = compiler.isOfCodes(source) || compiler.isOfCodes(w)
        unsafe (kernel.planar, kernel.transposed) = (isPlanar, isTransposed)
        unsafe (kernel.batch, kernel.in_c, kernel.out_c, kernel.groups) = (xDims[0], xDims[1], yDims[1], item.integer("group", 1))
        unsafe (kernel.height, kernel.width) = (axes[0], axes[1])
        unsafe (kernel.in_pixel_stride, kernel.out_pixel_stride, kernel.residual_pixel_stride) = (xDims[1], yDims[1], yDims[1])
        unsafe (kernel.low, kernel.high) = limits
        unsafe thimble_conv_prepare(&kernel)
        let box = unsafe KernelBox(unsafe kernel)
        let input = try compiler.read(source, isPlanar ? .plain : .channelsLast)
        let added = try residual.map { try compiler.read($0, .channelsLast) }
        let output = try compiler.make(y, .channelsLast)
        var step = unsafe ConvolutionStep(
            kernel: box, input: input, weights: w, biases: bias.numbers, residual: added, result: output)
        if let coded = compiler.unfolding.coded(w).flatMap({ CodedMatrix(convolution: $0) }), let kept = step.keeping(coded) { step = kept }
        let scratch = unsafe thimble_conv_scratch(step.kernel.pointer)
        compiler.emit(step, for: [item.step], reads: [input, added].compactMap { $0 }, writes: [output], scratch: scratch)
        return true
    }

    /// Nil if there is one that is no constant.
    private static func bias(_ item: Item, _ channels: Int, _ compiler: Compiler) throws -> (numbers: [Float]?, Void)? {
        guard item.inputs.count > 2, let id = item.inputs[2] else { return (nil, ()) }
        guard let numbers = compiler.unfolding.numbers(id), numbers.count == channels else { return nil }
        return (numbers, ())
    }

    /// The bounds that a FusedConv's activation stands for; nil if it is another one.
    private static func limits(_ item: Item) -> (Float, Float)? {
        switch item.text("activation") {
        case nil, "": return (-.infinity, .infinity)
        case "Relu": return (0, .infinity)
        case "Clip":
            guard case .floats(let numbers)? = item.node.attribute("activation_params")?.value, numbers.count == 2 else { return nil }
            return (numbers[0], numbers[1])
        default: return nil
        }
    }

    /// Height and width; one axis is the width of height 1.
    static func axes(_ item: Item, x: [Int], w: [Int], y: [Int], isTransposed: Bool) -> [thimble_conv_axis]? {
        let count = x.count - 2
        let strides = item.integers("strides") ?? Array(repeating: 1, count: count), dilations = item.integers("dilations") ?? Array(repeating: 1, count: count)
        guard strides.count == count, dilations.count == count, strides.allSatisfy({ $0 > 0 }), dilations.allSatisfy({ $0 > 0 }) else { return nil }
        let mode = item.text("auto_pad") ?? "", pads = item.integers("pads") ?? Array(repeating: 0, count: 2 * count)
        let extra = isTransposed ? item.integers("output_padding") ?? [] : []
        if isTransposed, mode.isEmpty || mode == "NOTSET", item.integers("output_shape") != nil { return nil }
        var axes: [thimble_conv_axis] = []
        axes.reserveCapacity(count)
        for axis in 0..<count {
            let (size, kernel, out) = (x[axis + 2], w[axis + 2], y[axis + 2]), reach = (kernel - 1) * dilations[axis] + 1
            let total: Int
            if isTransposed {
                total = (size - 1) * strides[axis] + (axis < extra.count ? extra[axis] : 0) + reach - out
            } else {
                total = max(0, (out - 1) * strides[axis] + reach - size)
            }
            guard let before = pad(mode, pads.count == 2 * count ? pads[axis] : nil, total, isTransposed), before >= 0 else { return nil }
            axes.append(thimble_conv_axis(in: size, out: out, kernel: kernel, stride: strides[axis], pad: before, dilation: dilations[axis]))
        }
        return count == 2 ? axes : [thimble_conv_axis(in: 1, out: 1, kernel: 1, stride: 1, pad: 0, dilation: 1)] + axes
    }

    /// What lies before the axis; `total`: both sides, where an automatic mode shares it out.
    private static func pad(_ mode: String, _ given: Int?, _ total: Int, _ isTransposed: Bool) -> Int? {
        switch mode {
        case "", "NOTSET": given
        case "VALID": 0
        case "SAME_UPPER": isTransposed ? nil : total / 2
        case "SAME_LOWER": isTransposed ? nil : total - total / 2
        default: nil
        }
    }
}

/// A convolution while the program is made: what follows it may still become part of it.
@safe
struct ConvolutionStep: EpilogueHost, PixelWriter {
    var kernel: KernelBox<thimble_conv>
    let input: BufferID
    let weights: ValueID
    /// What stays codes, if it does. Behind a pointer: few do, and steps are copied.
    private indirect enum Codes { case none, matrix(CodedMatrix) }
    private var codes = Codes.none
    private var coded: CodedMatrix? { if case .matrix(let matrix) = codes { matrix } else { nil } }
    /// Factors of the weights, one per output channel.
    var factors: [Float]?
    var biases: [Float]?
    var residual: BufferID?
    var result: BufferID
    var epilogue: ElementwiseEpilogue?

    init(kernel: KernelBox<thimble_conv>, input: BufferID, weights: ValueID, biases: [Float]?, residual: BufferID?, result: BufferID) {
        unsafe self.kernel = unsafe kernel
        self.input = input
        self.weights = weights
        self.biases = biases
        self.residual = residual
        self.result = result
    }

    func adding(_ epilogue: ElementwiseEpilogue, result: BufferID) -> (any Step)? {
        guard self.epilogue == nil else { return nil }
        var copy = self
        (copy.epilogue, copy.result) = (epilogue, result)
        return copy
    }

    func writing(to result: BufferID, pixelStride: Int) -> (step: any Step, scratch: Int)? {
        guard unsafe !kernel.pointer.pointee.planar || kernel.pointer.pointee.path != UInt32(THIMBLE_CONV_FLAT) else { return nil }
        let copy = unsafe changed { unsafe $0.out_pixel_stride = pixelStride }
        guard unsafe copy.kernel.pointer.pointee.path == kernel.pointer.pointee.path else { return nil }
        var placed = copy
        placed.result = result
        return unsafe (placed, thimble_conv_scratch(copy.kernel.pointer))
    }

    /// The same with another description.
    func changed(_ change: (inout thimble_conv) -> Void) -> ConvolutionStep {
        var described = unsafe kernel.pointer.pointee, copy = self
        unsafe change(&described)
        unsafe thimble_conv_prepare(&described)
        unsafe copy.kernel = KernelBox(described)
        return copy
    }

    /// Weights of so many numbers at least stay codes: fewer take less memory than it is worth.
    private static let fewestCodes = 1 << 15
    /// So many at least stay codes where Winograd's way would be quicker: its weights are floats, 4 times or 1.8 times as many.
    private static let fewestCodesOfWinograd = 1 << 18

    /// The same with weights that stay codes; nil where that is no use.
    func keeping(_ matrix: CodedMatrix) -> ConvolutionStep? {
        let isWinograd = unsafe thimble_conv_is_winograd(kernel.pointer)
        var form = unsafe thimble_codes()
        guard unsafe thimble_conv_takes_codes(kernel.pointer), matrix.weights.elementCount >= (isWinograd ? Self.fewestCodesOfWinograd : Self.fewestCodes),
            unsafe matrix.describe(&form)
        else { return nil }
        var copy = unsafe changed { unsafe ($0.is_coded, $0.coded) = (true, form) }
        copy.codes = .matrix(matrix)
        return copy
    }

    func finished(_ compiler: Compiler) throws -> any Step {
        if let coded, factors == nil || coded.takesFactors { return try finished(coded, compiler) }
        // Entries of tables cannot be multiplied by a number per channel. Without Winograd, for which there is no scratch memory.
        if coded != nil { return try unsafe changed { unsafe ($0.is_coded, $0.exact) = (false, true) }.withoutCodes().finished(compiler) }
        let described = unsafe kernel.pointer.pointee
        // What the packed form depends on, by the kernel's word, and by what the weights are multiplied with.
        let form = unsafe [2, Int(described.path), described.planar ? 1 : 0, described.transposed ? 1 : 0, described.groups] + (factors ?? []).map { Int($0.bitPattern) }
        let packed = try unsafe compiler.packed(
            weights, form: form, byteCount: thimble_conv_pack_size(kernel.pointer), unit: thimble_conv_pack_unit(kernel.pointer)
        ) { numbers, range, memory in
            unsafe thimble_conv_pack_part(kernel.pointer, numbers, range.lowerBound, range.upperBound, factors, memory)
        }
        return try finished(with: packed, compiler)
    }

    private func withoutCodes() -> ConvolutionStep {
        var copy = self
        copy.codes = .none
        return copy
    }

    private func finished(_ coded: CodedMatrix, _ compiler: Compiler) throws -> any Step {
        var form = unsafe kernel.pointer.pointee.coded
        let packed = unsafe try coded.packed(&form, factors: factors, compiler)
        return try unsafe changed { unsafe $0.coded = form }.finished(with: packed, compiler)
    }

    private func finished(with packed: PackedWeights, _ compiler: Compiler) throws -> any Step {
        let bias = try biases.map { compiler.constantBuffer(TensorBytes(try NewElements($0).memory), .float, [$0.count]) }
        return unsafe PackedConvolutionStep(
            kernel: kernel, input: input, weights: packed, bias: bias, residual: residual, result: result, units: thimble_conv_units(kernel.pointer), epilogue: epilogue)
    }

    func run(_ run: ProgramRun) throws { throw ModelError(.internalFault, "a convolution runs before its weights are packed") }
}

@safe
struct PackedConvolutionStep: WeightedStep {
    let kernel: KernelBox<thimble_conv>
    let input: BufferID
    let weights: PackedWeights
    let bias: BufferID?
    let residual: BufferID?
    let result: BufferID
    let units: Int
    let epilogue: ElementwiseEpilogue?

    func run(_ run: ProgramRun) throws {
        let packed = unsafe try run.address(of: weights)
        unsafe kernel.with(epilogue, run) { unsafe convolve(run, $0, packed) }
    }

    private func convolve(_ run: ProgramRun, _ kernel: UnsafePointer<thimble_conv>, _ packed: UnsafeRawPointer) {
        let bias = unsafe bias.map { unsafe UnsafePointer(run.floats($0)) }, residual = unsafe residual.map { unsafe UnsafePointer(run.floats($0)) }
        let source = unsafe run.floats(input), target = unsafe run.floats(result)
        unsafe run.share(units) { first, last, scratch in
            unsafe thimble_conv_run(kernel, source, packed, bias, residual, target, first, last, scratch)
        }
    }
}

extension Compiler {
    /// True if the value was made from quantized ones. Their products lie on a grid, where ties are common: rounding again tells sums
    /// apart that differ in the last bit, so they must be those of the definition.
    fileprivate func isOfCodes(_ id: ValueID, depth: Int = 4) -> Bool {
        let item: Item
        switch unfolding.values[id].source {
        case .run(let maker?), .folded(let maker, _): item = maker
        default: return false
        }
        switch item.operatorName {
        case "DequantizeLinear": return true
        case "Add", "Relu", "Clip", "Concat", "MaxPool", "Reshape", "Transpose":
            return depth > 0 && item.inputs.contains { $0.map { isOfCodes($0, depth: depth - 1) } ?? false }
        default: return false
        }
    }
}
