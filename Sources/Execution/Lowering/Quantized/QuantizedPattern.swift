internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Integer steps for what a graph says in floats: DequantizeLinear, an operator, QuantizeLinear. The results are those of ONNX Runtime,
/// which reads such graphs the same way.
enum QuantizedPattern {
    /// The items behind this one whose work is done with its own; nil, with nothing emitted, if it is no such item.
    static func lower(_ item: Item, _ compiler: Compiler) throws -> [Int]? {
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, compiler.dims(x) != nil, compiler.dims(y) != nil else { return nil }
        switch item.operatorName {
        case "DequantizeLinear": return dequantize(item, x, y, compiler) ? [] : nil
        case "Cast": return try isSame(x, y, compiler) ? alias(x, y, compiler) : nil
        case "MaxPool" where Compiler.isByte(compiler.fact(x).elementType): return try maxPool(item, x, y, compiler) ? [] : nil
        default: break
        }
        guard let codes = compiler.codes(x) else { return nil }
        switch item.operatorName {
        case "Conv": return try convolve(item, codes, y, compiler)
        case "Gemm", "MatMul": return try multiply(item, codes, y, compiler)
        case "Add", "Mul": return try combine(item, codes, y, compiler)
        case "GlobalAveragePool": return try average(item, codes, y, compiler)
        case "Concat": return try ChannelJoin.lower(item, y, compiler) ?? (move(item, codes, compiler) ? [] : nil)
        case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Transpose", "Slice", "Split", "MaxPool":
            return try move(item, codes, compiler) ? [] : nil
        default: return nil
        }
    }

    private static func dequantize(_ item: Item, _ x: ValueID, _ y: ValueID, _ compiler: Compiler) -> Bool {
        guard !compiler.isConstant(x), compiler.fact(y).elementType == .float, item.inputs.count >= 2,
            let quantity = compiler.quantity(item.inputs[1], item.inputs.count > 2 ? item.inputs[2] : nil, compiler.fact(x).elementType)
        else { return false }
        compiler.defineCodes(y, as: QuantizedValue(codes: x, quantity: quantity))
        return true
    }

    private static func isSame(_ x: ValueID, _ y: ValueID, _ compiler: Compiler) -> Bool {
        let type = compiler.fact(x).elementType
        return Compiler.isByte(type) && type == compiler.fact(y).elementType && !compiler.isConstant(x) && compiler.dims(x) == compiler.dims(y)
            && compiler.dims(x)?.contains(0) == false
    }

    private static func alias(_ x: ValueID, _ y: ValueID, _ compiler: Compiler) throws -> [Int] {
        try compiler.aliasExact(x, as: y)
        return []
    }

    // MARK: what follows

    /// How a float value ends as codes: where, as what, and which items do it.
    struct Ending {
        let output: ValueID
        let quantity: Quantity
        let limits: (low: Int32, high: Int32)
        let items: [Int]
    }

    /// Relu and Clip, then QuantizeLinear, with no other reader on the way. Rounding is monotone, so limits hold for codes as well.
    static func ending(_ y: ValueID, _ compiler: Compiler) -> Ending? {
        var id = y, items: [Int] = [], low = -Float.infinity, high = Float.infinity
        while let reader = compiler.readers.only(id) {
            let item = compiler.unfolding.items[reader]
            guard item.inputs.first == id, let output = item.outputs.first ?? nil else { return nil }
            items.append(reader)
            switch item.operatorName {
            case "Relu": (low, high) = (max(low, 0), max(high, 0))
            case "Clip":
                guard item.opset >= 11 else { return nil }
                for (index, bound) in item.inputs.enumerated().dropFirst() {
                    guard let bound else { continue }
                    guard let number = compiler.unfolding.number(bound), !number.isNaN else { return nil }
                    if index == 1 { (low, high) = (max(low, number), max(high, number)) } else { (low, high) = (min(low, number), min(high, number)) }
                }
            case "QuantizeLinear":
                guard item.inputs.count >= 2,
                    let quantity = compiler.quantity(item.inputs[1], item.inputs.count > 2 ? item.inputs[2] : nil, compiler.fact(output).elementType)
                else { return nil }
                return Ending(output: output, quantity: quantity, limits: (quantity.code(low), quantity.code(high)), items: items)
            default: return nil
            }
            id = output
        }
        return nil
    }

    /// The same for a product, which may end as floats, too.
    private static func productEnding(_ y: ValueID, _ compiler: Compiler) -> (output: ValueID, result: Int8Product.Result, items: [Int])? {
        if let ending = ending(y, compiler) { return (ending.output, .codes(ending.quantity, limits: ending.limits), ending.items) }
        return compiler.fact(y).elementType == .float ? (y, .floats, []) : nil
    }

    private static func nodes(_ item: Item, _ ending: Ending, _ compiler: Compiler) -> [Plan.Step] {
        [item.step] + ending.items.map { compiler.unfolding.items[$0].step }
    }

    // MARK: products

    /// Weights that a DequantizeLinear makes of a constant; `axis`: where the output channels are.
    private static func weights(_ id: ValueID?, axis: Int, _ compiler: Compiler) -> Int8Product.Weights? {
        guard let id, let item = compiler.unfolding.dequantization(id), item.node.attribute("block_size") == nil, item.inputs.count >= 2,
            let codes = item.inputs[0], let dims = compiler.dims(codes), Compiler.isByte(compiler.fact(codes).elementType),
            let scales = item.inputs[1].flatMap({ compiler.unfolding.numbers($0) }), !scales.isEmpty
        else { return nil }
        let stated = item.integer("axis", 1)
        guard scales.count == 1 || (stated < 0 ? stated + dims.count : stated) == axis else { return nil }
        guard item.inputs.count > 2, let zero = item.inputs[2] else { return Int8Product.Weights(codes: codes, scales: scales, zeros: [0]) }
        guard let zeros = compiler.integers(zero), zeros.count == scales.count else { return nil }
        return Int8Product.Weights(codes: codes, scales: scales, zeros: zeros)
    }

    /// The codes of a bias, if their scale is the products'.
    private static func bias(_ id: ValueID?, _ input: Quantity, _ weights: Int8Product.Weights, _ compiler: Compiler) -> [Int32]? {
        guard let id else { return [] }
        guard let item = compiler.unfolding.dequantization(id), item.inputs.count >= 2, let codes = item.inputs[0],
            compiler.fact(codes).elementType == .int32, let numbers = compiler.integers(codes),
            let scales = item.inputs[1].flatMap({ compiler.unfolding.numbers($0) }), !scales.isEmpty,
            item.inputs.count < 3 || item.inputs[2].map({ compiler.integers($0)?.allSatisfy { $0 == 0 } ?? false }) ?? true
        else { return nil }
        let count = max(scales.count, weights.scales.count)
        for index in 0..<count {
            let product = input.scale * weights.scales[weights.scales.count == 1 ? 0 : index % weights.scales.count]
            guard abs(scales[scales.count == 1 ? 0 : index % scales.count] - product) <= 1e-4 * product else { return nil }
        }
        return numbers
    }

    private static func convolve(_ item: Item, _ codes: QuantizedValue, _ y: ValueID, _ compiler: Compiler) throws -> [Int]? {
        guard item.inputs.count >= 2, let xDims = compiler.dims(codes.codes), let yDims = compiler.dims(y), let ending = productEnding(y, compiler),
            let weights = weights(item.inputs[1], axis: 0, compiler),
            let bias = bias(item.inputs.count > 2 ? item.inputs[2] : nil, codes.quantity, weights, compiler)
        else { return nil }
        let product = Int8Product(input: codes, weights: weights, bias: bias, output: ending.output, result: ending.result)
        let nodes = [item.step] + ending.items.map { compiler.unfolding.items[$0].step }
        return try product.emitConvolution(item, x: xDims, y: yDims, nodes: nodes, compiler) ? ending.items : nil
    }

    private static func multiply(_ item: Item, _ codes: QuantizedValue, _ y: ValueID, _ compiler: Compiler) throws -> [Int]? {
        guard item.inputs.count >= 2, let a = compiler.dims(codes.codes), let b = item.inputs[1].flatMap({ compiler.dims($0) }), b.count == 2, a.count >= 2,
            item.integer("transA", 0) == 0, item.float("alpha", 1) == 1, item.float("beta", 1) == 1, let ending = productEnding(y, compiler)
        else { return nil }
        let transposed = item.integer("transB", 0) != 0, columns = transposed ? b[0] : b[1], depth = transposed ? b[1] : b[0]
        guard a[a.count - 1] == depth, let weights = weights(item.inputs[1], axis: transposed ? 0 : 1, compiler),
            let bias = bias(item.inputs.count > 2 ? item.inputs[2] : nil, codes.quantity, weights, compiler)
        else { return nil }
        let product = Int8Product(input: codes, weights: weights, bias: bias, output: ending.output, result: ending.result)
        let rows = a.dropLast().reduce(1, *), nodes = [item.step] + ending.items.map { compiler.unfolding.items[$0].step }
        return try product.emitProduct(rows: rows, columns: columns, depth: depth, transposed: transposed, nodes: nodes, compiler)
            ? ending.items : nil
    }

    // MARK: others

    private static func combine(_ item: Item, _ a: QuantizedValue, _ y: ValueID, _ compiler: Compiler) throws -> [Int]? {
        guard item.inputs.count == 2, let b = item.inputs[1].flatMap({ compiler.codes($0) }), let dims = compiler.dims(y), !dims.contains(0),
            compiler.dims(a.codes) == dims, compiler.dims(b.codes) == dims, let ending = ending(y, compiler),
            a.quantity.type == b.quantity.type, a.quantity.type == ending.quantity.type
        else { return nil }
        let layout: Layout = compiler.exactLayout(a.codes) == .channelsLast || compiler.exactLayout(b.codes) == .channelsLast ? .channelsLast : .plain
        let left = try compiler.readExact(a.codes, layout), right = try compiler.readExact(b.codes, layout)
        let target = try compiler.makeExact(ending.output, layout)
        compiler.emit(
            ByteArithmeticStep(
                isProduct: item.operatorName == "Mul", left: left, right: right, isScalar: false, target: target,
                quantities: (a.quantity, b.quantity, ending.quantity), limits: ending.limits, count: elementCount(of: dims) ?? 0),
            for: nodes(item, ending, compiler), reads: [left, right], writes: [target])
        return ending.items
    }

    private static func average(_ item: Item, _ codes: QuantizedValue, _ y: ValueID, _ compiler: Compiler) throws -> [Int]? {
        guard let dims = compiler.dims(codes.codes), dims.count == 4, let ending = ending(y, compiler), ending.quantity.type == codes.quantity.type,
            ending.limits == (ending.quantity.lowest, ending.quantity.highest),
            try emitMean(codes, dims, ending.output, ending.quantity, nodes(item, ending, compiler), compiler)
        else { return nil }
        return ending.items
    }

    /// Global average pooling of NCHW values.
    static func emitMean(_ codes: QuantizedValue, _ dims: [Int], _ output: ValueID, _ result: Quantity, _ nodes: [Plan.Step], _ compiler: Compiler) throws -> Bool {
        guard dims.count == 4, !dims.contains(0) else { return false }
        var kernel = thimble_q8_average()
        (kernel.family, kernel.batch, kernel.channels, kernel.height, kernel.width) = (thimble_processor(), dims[0], dims[1], dims[2], dims[3])
        (kernel.out_height, kernel.out_width, kernel.in_pixel, kernel.out_pixel) = (1, 1, dims[1], dims[1])
        (kernel.is_signed, kernel.global) = (result.isSigned, true)
        (kernel.in, kernel.out) = (codes.quantity.described, result.described)
        let box = KernelBox(kernel)
        let source = try compiler.readExact(codes.codes, .channelsLast), target = try compiler.makeExact(output, .channelsLast)
        let step = unsafe ByteMeanStep(kernel: box, source: source, target: target, units: thimble_q8_average_units(box.pointer))
        compiler.emit(step, for: nodes, reads: [source], writes: [target])
        return true
    }

    /// Moving numbers and moving their codes is the same, and so is taking the largest.
    private static func move(_ item: Item, _ codes: QuantizedValue, _ compiler: Compiler) throws -> Bool {
        var inputs = item.inputs
        inputs[0] = codes.codes
        if item.operatorName == "Concat" {
            for index in inputs.indices.dropFirst() {
                guard let other = inputs[index].flatMap({ compiler.codes($0) }), other.quantity == codes.quantity else { return false }
                inputs[index] = other.codes
            }
        }
        guard item.outputs.allSatisfy({ $0.map { compiler.fact($0).elementType == .float && compiler.dims($0) != nil } ?? true }),
            item.operatorName != "MaxPool" || item.outputs.count == 1
        else { return false }
        let outputs = item.outputs.map { id in id.map { compiler.newValue(codes.quantity.type, compiler.dims($0) ?? []) } }
        let moved = Item(item.step, item.operation, inputs: inputs, outputs: outputs, subgraphs: [:])
        if item.operatorName == "MaxPool", let output = outputs[0], try maxPool(moved, codes.codes, output, compiler) {
        } else if let lowering = item.operation.lowering, try lowering.lower(moved, compiler) {
        } else {
            try compiler.lowerGenerically(moved)
        }
        for (id, output) in zip(item.outputs, outputs) {
            if let id, let output { compiler.defineCodes(id, as: QuantizedValue(codes: output, quantity: codes.quantity)) }
        }
        return true
    }

    private static func maxPool(_ item: Item, _ x: ValueID, _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        guard let dims = compiler.dims(x), let out = compiler.dims(y), dims.count == 4, !dims.contains(0), !out.contains(0), item.outputs.count == 1,
            let shape = item.integers("kernel_shape"), shape.count == 2, !compiler.isConstant(x), item.integer("ceil_mode", 0) == 0,
            let axes = ConvolutionLowering.axes(item, x: dims, w: [1, 1] + shape, y: out, isTransposed: false)
        else { return false }
        let (height, width) = (axes[0], axes[1])
        var kernel = thimble_pooling()
        kernel.kind = UInt32(compiler.fact(x).elementType == .int8 ? THIMBLE_POOLING_MAX_S8 : THIMBLE_POOLING_MAX_U8)
        (kernel.family, kernel.images, kernel.channels) = (thimble_processor(), dims[0], dims[1])
        (kernel.in_height, kernel.in_width, kernel.out_height, kernel.out_width) = (height.in, width.in, height.out, width.out)
        (kernel.kernel_height, kernel.kernel_width, kernel.stride_height, kernel.stride_width) = (height.kernel, width.kernel, height.stride, width.stride)
        (kernel.dilation_height, kernel.dilation_width, kernel.pad_top, kernel.pad_left) = (height.dilation, width.dilation, height.pad, width.pad)
        kernel.pad_bottom = max(0, (out[2] - 1) * kernel.stride_height + (shape[0] - 1) * kernel.dilation_height + 1 - dims[2] - kernel.pad_top)
        kernel.pad_right = max(0, (out[3] - 1) * kernel.stride_width + (shape[1] - 1) * kernel.dilation_width + 1 - dims[3] - kernel.pad_left)
        // Each window must reach into the image.
        let reach = ((shape[0] - 1) * kernel.dilation_height + 1, (shape[1] - 1) * kernel.dilation_width + 1)
        guard max(kernel.pad_top, kernel.pad_bottom) < reach.0, max(kernel.pad_left, kernel.pad_right) < reach.1 else { return false }
        kernel.in = thimble_image_steps(pixel: dims[1], row: dims[3] * dims[1], image: dims[2] * dims[3] * dims[1])
        kernel.out = thimble_image_steps(pixel: dims[1], row: out[3] * dims[1], image: out[2] * out[3] * dims[1])
        unsafe thimble_pooling_prepare(&kernel)
        let box = KernelBox(kernel)
        let source = try compiler.readExact(x, .channelsLast), target = try compiler.makeExact(y, .channelsLast)
        let step = unsafe BytePoolingStep(kernel: box, source: source, target: target, units: thimble_pooling_units(box.pointer))
        compiler.emit(step, for: [item.step], reads: [source], writes: [target], scratch: unsafe thimble_pooling_scratch(box.pointer))
        return true
    }
}
