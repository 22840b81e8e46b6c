internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Operators on codes with one scale and zero point per tensor.
enum QuantizedLowering: Lowering {
    static let operators = [
        "QuantizeLinear", "QLinearConv", "QLinearMatMul", "com.microsoft:QLinearAdd", "com.microsoft:QLinearMul", "com.microsoft:QLinearSigmoid",
        "com.microsoft:QLinearLeakyRelu", "com.microsoft:QLinearGlobalAveragePool", "com.microsoft:QLinearConcat",
    ]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        if item.operatorName == "com.microsoft:QLinearConcat" {
            guard let y = item.outputs.first ?? nil else { return false }
            return try ChannelJoin.lowerOperator(item, y, compiler)
        }
        guard let x = item.inputs.first ?? nil, let y = item.outputs.first ?? nil, let dims = compiler.dims(x), let out = compiler.dims(y),
            !dims.contains(0), !out.contains(0), Compiler.isByte(compiler.fact(y).elementType), !compiler.isConstant(x)
        else { return false }
        switch item.operatorName {
        case "QuantizeLinear": return try quantize(item, x, y, compiler)
        case "QLinearConv": return try convolve(item, dims, y, out, compiler)
        case "QLinearMatMul": return try multiply(item, dims, y, compiler)
        case "com.microsoft:QLinearAdd", "com.microsoft:QLinearMul": return try combine(item, out, y, compiler)
        case "com.microsoft:QLinearGlobalAveragePool":
            guard item.integer("channels_last", 0) == 0, let codes = operand(item, 0, compiler), let result = result(item, 3, y, compiler),
                codes.quantity.type == result.type
            else { return false }
            return try QuantizedPattern.emitMean(codes, dims, y, result, [item.step], compiler)
        default: return try map(item, y, compiler)
        }
    }

    private static func input(_ item: Item, _ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }

    /// Codes at an index, scale and zero point behind them.
    private static func operand(_ item: Item, _ index: Int, _ compiler: Compiler) -> QuantizedValue? {
        guard let codes = input(item, index),
            let quantity = compiler.quantity(input(item, index + 1), input(item, index + 2), compiler.fact(codes).elementType)
        else { return nil }
        return QuantizedValue(codes: codes, quantity: quantity)
    }

    private static func result(_ item: Item, _ scale: Int, _ y: ValueID, _ compiler: Compiler) -> Quantity? {
        compiler.quantity(input(item, scale), input(item, scale + 1), compiler.fact(y).elementType)
    }

    private static func quantize(_ item: Item, _ x: ValueID, _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        guard compiler.fact(x).elementType == .float, let result = result(item, 1, y, compiler), let dims = compiler.dims(x), let count = elementCount(of: dims)
        else { return false }
        if let codes = compiler.codes(x) {
            if codes.quantity == result {
                try compiler.aliasExact(codes.codes, as: y)
            } else {
                try emitTable(requantizing(codes.quantity, result), codes.codes, y, [item.step], compiler)
            }
            return true
        }
        let layout = compiler.layout(x), source = try compiler.read(x, layout), target = try compiler.makeExact(y, layout)
        compiler.emit(QuantizeStep(source: source, target: target, quantity: result, count: count), for: [item.step], reads: [source], writes: [target])
        return true
    }

    private static func requantizing(_ from: Quantity, _ to: Quantity) -> [UInt8] {
        var table = [UInt8](repeating: 0, count: 256)
        unsafe table.withUnsafeMutableBufferPointer { table in
            unsafe thimble_q8_table_requantize(table.baseAddress, from.isSigned, from.described, to.isSigned, to.described)
        }
        return table
    }

    /// One byte for each of another value.
    private static func emitTable(_ table: [UInt8], _ x: ValueID, _ y: ValueID, _ nodes: [Plan.Step], _ compiler: Compiler) throws {
        let layout = compiler.exactLayout(x), source = try compiler.readExact(x, layout), target = try compiler.makeExact(y, layout)
        let count = compiler.dims(x).flatMap { elementCount(of: $0) } ?? 0
        compiler.emit(ByteTableStep(source: source, target: target, table: table, count: count), for: nodes, reads: [source], writes: [target])
    }

    private static func map(_ item: Item, _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        guard let x = operand(item, 0, compiler), let result = result(item, 3, y, compiler) else { return false }
        var table = [UInt8](repeating: 0, count: 256)
        let alpha = item.float("alpha", 0.01), isSigmoid = item.operatorName == "com.microsoft:QLinearSigmoid"
        unsafe table.withUnsafeMutableBufferPointer { table in
            let (from, to) = (x.quantity, result)
            if isSigmoid {
                unsafe thimble_q8_table_sigmoid(table.baseAddress, from.isSigned, from.described, to.isSigned, to.described)
            } else {
                unsafe thimble_q8_table_leaky_relu(table.baseAddress, from.isSigned, from.described, to.isSigned, to.described, alpha)
            }
        }
        try emitTable(table, x.codes, y, [item.step], compiler)
        return true
    }

    private static func weights(_ item: Item, _ compiler: Compiler) -> Int8Product.Weights? {
        guard let w = input(item, 3), compiler.isConstant(w), Compiler.isByte(compiler.fact(w).elementType),
            let scales = input(item, 4).flatMap({ compiler.unfolding.numbers($0) }), !scales.isEmpty, let zero = input(item, 5),
            let zeros = compiler.integers(zero), !zeros.isEmpty
        else { return nil }
        return Int8Product.Weights(codes: w, scales: scales, zeros: zeros)
    }

    private static func product(_ item: Item, _ y: ValueID, bias: [Int32], _ compiler: Compiler) -> Int8Product? {
        guard let x = operand(item, 0, compiler), let weights = weights(item, compiler), let result = result(item, 6, y, compiler) else { return nil }
        return Int8Product(input: x, weights: weights, bias: bias, output: y, result: .codes(result, limits: (result.lowest, result.highest)))
    }

    private static func convolve(_ item: Item, _ dims: [Int], _ y: ValueID, _ out: [Int], _ compiler: Compiler) throws -> Bool {
        var bias: [Int32] = []
        if let id = input(item, 8) {
            guard let numbers = compiler.integers(id), compiler.fact(id).elementType == .int32 else { return false }
            bias = numbers
        }
        return try product(item, y, bias: bias, compiler)?.emitConvolution(item, x: dims, y: out, nodes: [item.step], compiler) ?? false
    }

    private static func multiply(_ item: Item, _ a: [Int], _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        guard let b = input(item, 3).flatMap({ compiler.dims($0) }), b.count == 2, a.count >= 2, a[a.count - 1] == b[0],
            let product = product(item, y, bias: [], compiler)
        else { return false }
        return try product.emitProduct(rows: a.dropLast().reduce(1, *), columns: b[1], depth: b[0], transposed: false, nodes: [item.step], compiler)
    }

    private static func combine(_ item: Item, _ out: [Int], _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        guard let a = operand(item, 0, compiler), let b = operand(item, 3, compiler), let result = result(item, 6, y, compiler),
            a.quantity.type == b.quantity.type, a.quantity.type == result.type, compiler.dims(a.codes) == out, let right = compiler.dims(b.codes),
            right.count <= out.count, case let isScalar = right != out.suffix(right.count) || out.dropLast(right.count).contains(where: { $0 != 1 }),
            !isScalar || right.allSatisfy({ $0 == 1 })
        else { return false }
        // Fewer axes are those of the plain layout.
        var layout = right.count == out.count ? compiler.exactLayout(a.codes) : .plain
        if !isScalar, right.count == out.count, compiler.exactLayout(b.codes) == .channelsLast { layout = .channelsLast }
        let left = try compiler.readExact(a.codes, layout), other = try compiler.readExact(b.codes, isScalar ? .plain : layout)
        let target = try compiler.makeExact(y, layout)
        compiler.emit(
            ByteArithmeticStep(
                isProduct: item.operatorName == "com.microsoft:QLinearMul", left: left, right: other, isScalar: isScalar, target: target,
                quantities: (a.quantity, b.quantity, result), limits: (result.lowest, result.highest), count: elementCount(of: out) ?? 0),
            for: [item.step], reads: [left, other], writes: [target])
        return true
    }
}
