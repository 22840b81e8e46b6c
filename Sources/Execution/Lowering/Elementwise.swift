internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// The nodes that an elementwise program can do, and how.
enum Elementwise {
    typealias Builder = @Sendable (Item, inout ElementwiseProgram) throws -> ElementwiseProgram.Operand
    typealias Condition = @Sendable (Item, Unfolding) -> Bool

    /// True if all that is needed is known of the node: dims, element types that the kernel loads and stores, an operation that it has.
    static func suits(_ item: Item, _ unfolding: Unfolding) -> Bool {
        guard item.operation.elementwise != nil, let output = item.outputs.first ?? nil, unfolding.readsFirstOnly(item) else { return false }
        let value = unfolding.values[output]
        guard let dims = value.dims, dims.count <= 8, !dims.contains(0) else { return false }
        if item.operation.comparison != nil { return Comparison.suits(item, unfolding) }
        guard Compiler.isFloat(value.fact.elementType) else { return false }
        for case let id? in item.inputs {
            let input = unfolding.values[id], type = input.fact.elementType
            guard input.dims != nil else { return false }
            if Compiler.isFloat(type), item.operatorName != "Cast" { continue }
            switch item.operatorName {
            case "Where" where id == item.inputs[0] && type == .bool: continue
            // Every number of these is a binary32 number.
            case "Cast" where type == .bool || type == .uint8 || type == .int8: continue
            // Loads round these as a cast to binary32 does.
            case "Cast" where (type == .int32 || type == .int64) && value.fact.elementType == .float: continue
            default: return false
            }
        }
        return item.operation.elementwiseCondition?(item, unfolding) ?? true
    }

    // MARK: what each operator becomes

    /// How an operator's nodes are done; nil for one that is not done so.
    static func builder(_ name: String) -> Builder? {
        if let op = unary(name) { return { item, program in try program.add(op, item.operand(0, &program)) } }
        if let op = binary(name) { return { item, program in try add(op, item, &program) } }
        if let op = Comparison.operation(name) { return { item, program in try Comparison.add(op, item, &program) } }
        return switch name {
        case "Max": folding(THIMBLE_OP_MAX)
        case "Min": folding(THIMBLE_OP_MIN)
        case "Sum": folding(THIMBLE_OP_ADD)
        case "LeakyRelu": adding(THIMBLE_OP_LEAKY_RELU, alpha: 0.01)
        case "Elu": adding(THIMBLE_OP_ELU, alpha: 1)
        case "Celu": adding(THIMBLE_OP_CELU, alpha: 1)
        case "Selu": adding(THIMBLE_OP_SELU, alpha: 1.67326319217681884765625, "gamma", 1.05070102214813232421875)
        case "HardSigmoid": adding(THIMBLE_OP_HARD_SIGMOID, alpha: 0.2, "beta", 0.5)
        case "ThresholdedRelu": adding(THIMBLE_OP_THRESHOLDED_RELU, alpha: 1)
        case "Swish": adding(THIMBLE_OP_SWISH, alpha: 1)
        case "com.microsoft:QuickGelu": adding(THIMBLE_OP_SWISH, alpha: 1.702)
        case "Clip": clip
        case "Gelu": gelu
        case "com.microsoft:Gelu": { item, program in program.add(THIMBLE_OP_GELU, try item.operand(0, &program)) }
        case "com.microsoft:BiasGelu": biasGelu
        case "com.microsoft:FastGelu": fastGelu
        case "Cast": cast
        case "Where": choice
        case "BatchNormalization": normalize
        default: nil
        }
    }

    private static func unary(_ name: String) -> thimble_op? {
        switch name {
        case "Neg": THIMBLE_OP_NEG
        case "Abs": THIMBLE_OP_ABS
        case "Sqrt": THIMBLE_OP_SQRT
        case "Reciprocal": THIMBLE_OP_RECIPROCAL
        case "Exp": THIMBLE_OP_EXP
        case "Log": THIMBLE_OP_LOG
        case "Sin": THIMBLE_OP_SIN
        case "Cos": THIMBLE_OP_COS
        case "Tanh": THIMBLE_OP_TANH
        case "Erf": THIMBLE_OP_ERF
        case "Sigmoid": THIMBLE_OP_SIGMOID
        case "Softplus": THIMBLE_OP_SOFTPLUS
        case "Softsign": THIMBLE_OP_SOFTSIGN
        case "Relu": THIMBLE_OP_RELU
        case "HardSwish": THIMBLE_OP_HARD_SWISH
        case "Mish": THIMBLE_OP_MISH
        case "Floor": THIMBLE_OP_FLOOR
        case "Ceil": THIMBLE_OP_CEIL
        case "Round": THIMBLE_OP_ROUND
        case "Sign": THIMBLE_OP_SIGN
        default: nil
        }
    }

    private static func binary(_ name: String) -> thimble_op? {
        switch name {
        case "Add": THIMBLE_OP_ADD
        case "Sub": THIMBLE_OP_SUB
        case "Mul": THIMBLE_OP_MUL
        case "Div": THIMBLE_OP_DIV
        case "Pow": THIMBLE_OP_POW
        case "PRelu": THIMBLE_OP_PRELU
        case "Mod": THIMBLE_OP_FMOD
        default: nil
        }
    }

    private static func add(_ op: thimble_op, _ item: Item, _ program: inout ElementwiseProgram) throws -> ElementwiseProgram.Operand {
        var (a, b) = (try item.operand(0, &program), try item.operand(1, &program))
        // A number goes second where that is the same.
        if case .number = a, op == THIMBLE_OP_ADD || op == THIMBLE_OP_MUL { swap(&a, &b) }
        let result = program.add(op, a, b)
        return op == THIMBLE_OP_MUL ? program.activation(result) ?? result : result
    }

    /// Of any number of operands.
    private static func folding(_ op: thimble_op) -> Builder {
        { item, program in
            var result = try item.operand(0, &program)
            for index in 1..<max(1, item.inputs.count) { result = program.add(op, result, try item.operand(index, &program)) }
            return result
        }
    }

    /// Of one or two numbers that are attributes.
    private static func adding(_ op: thimble_op, alpha: Float, _ second: Name? = nil, _ standard: Float = 0) -> Builder {
        { item, program in
            program.add(op, try item.operand(0, &program), p: item.float("alpha", alpha), q: second.map { item.float($0, standard) } ?? 0)
        }
    }

    private static let clip: Builder = { item, program in
        let limits = program.clipLimits(item)
        return program.add(THIMBLE_OP_CLIP, try item.operand(0, &program), p: limits.low, q: limits.high)
    }

    private static let gelu: Builder = { item, program in
        program.add(item.text("approximate") == "tanh" ? THIMBLE_OP_GELU_TANH : THIMBLE_OP_GELU, try item.operand(0, &program))
    }

    private static let biasGelu: Builder = { item, program in
        let (x, bias) = (try item.operand(0, &program), try item.operand(1, &program))
        return program.add(THIMBLE_OP_GELU, program.add(THIMBLE_OP_ADD, x, bias))
    }

    private static let fastGelu: Builder = { item, program in
        var x = try item.operand(0, &program)
        if item.inputs.count > 1, item.inputs[1] != nil { x = program.add(THIMBLE_OP_ADD, x, try item.operand(1, &program)) }
        return program.add(THIMBLE_OP_GELU_TANH, x)
    }

    private static let cast: Builder = { item, program in
        let x = try item.operand(0, &program)
        // Truth that was just made is a number already.
        if case .result = x { return x }
        return program.add(THIMBLE_OP_AFFINE, x, p: 1)
    }

    private static let choice: Builder = { item, program in
        let (condition, x, y) = (try item.operand(0, &program), try item.operand(1, &program), try item.operand(2, &program))
        return program.add(THIMBLE_OP_WHERE, condition, x, y)
    }

    private static let normalize: Builder = { item, program in
        let x = try item.operand(0, &program)
        guard let (scale, shift) = program.normalization(item) else { throw ModelError(.internalFault, "a normalization that does not suit") }
        let (factor, offset) = (program.leaf(.channels(scale)), program.leaf(.channels(shift)))
        return program.add(THIMBLE_OP_MULTIPLY_ADD, x, factor, offset)
    }

    // MARK: what else must hold

    /// Nil where nothing else must.
    static func condition(_ name: String) -> Condition? {
        switch name {
        // Before opset 7 the right operand was aligned by an attribute.
        case "Add", "Sub", "Mul", "Div", "Pow": { item, _ in item.opset >= 7 || item.node.attribute("broadcast") == nil }
        // Before opset 7 a vector of slopes belonged to channels.
        case "PRelu": { item, unfolding in item.opset >= 7 || (item.inputs[1].flatMap { unfolding.values[$0].dims } ?? []).allSatisfy { $0 == 1 } }
        case "Mod": { item, _ in item.integer("fmod", 0) == 1 }
        case "Clip":
            { item, unfolding in item.inputs.dropFirst().allSatisfy { id in id.map { unfolding.number($0) != nil } ?? true } }
        case "BatchNormalization": isInference
        default: nil
        }
    }

    private static let isInference: Condition = { item, unfolding in
        guard item.inputs.count == 5, item.integer("training_mode", 0) == 0, item.opset >= 7 || item.integer("is_test", 0) == 1,
            let x = item.inputs[0], let dims = unfolding.values[x].dims, dims.count >= 2, item.integer("spatial", 1) == 1
        else { return false }
        for index in 1..<5 {
            guard let id = item.inputs[index], unfolding.isConstant(id), unfolding.values[id].dims == [dims[1]] else { return false }
        }
        return true
    }
}

extension ElementwiseProgram {
    /// Clip's bounds: attributes before opset 11, constant inputs since. As ONNX Runtime does, the upper one wins if they cross.
    func clipLimits(_ item: Item) -> (low: Float, high: Float) {
        if item.opset < 11 { return (item.float("min", -.infinity), item.float("max", .infinity)) }
        func number(_ index: Int) -> Float? { index < item.inputs.count ? item.inputs[index].flatMap { unfoldingNumber($0) } : nil }
        return (number(1) ?? -.infinity, number(2) ?? .infinity)
    }

    /// y = x · scale + shift per channel, of an inference BatchNormalization (ONNX: (x - mean) / sqrt(var + epsilon) · scale + B).
    func normalization(_ item: Item) -> (scale: [Float], shift: [Float])? {
        let epsilon = Double(item.float("epsilon", 1e-5))
        guard let scale = item.inputs[1].flatMap(unfoldingNumbers), let bias = item.inputs[2].flatMap(unfoldingNumbers),
            let mean = item.inputs[3].flatMap(unfoldingNumbers), let variance = item.inputs[4].flatMap(unfoldingNumbers)
        else { return nil }
        var factors = scale, offsets = bias
        for index in scale.indices {
            let factor = Double(scale[index]) / (Double(variance[index]) + epsilon).squareRoot()
            factors[index] = Float(factor)
            offsets[index] = Float(Double(bias[index]) - Double(mean[index]) * factor)
        }
        return (factors, offsets)
    }
}

extension Item {
    func operand(_ index: Int, _ program: inout ElementwiseProgram) throws -> ElementwiseProgram.Operand {
        guard index < inputs.count, let id = inputs[index] else { throw ModelError(.invalidGraph, "input \(index) is missing") }
        return program.operand(id)
    }

    func float(_ name: Name, _ standard: Float) -> Float {
        if case .float(let value)? = step.node.attributes.value(of: name) { value } else { standard }
    }

    func integer(_ name: Name, _ standard: Int) -> Int {
        if case .int(let value)? = step.node.attributes.value(of: name) { Int(value) } else { standard }
    }

    func integers(_ name: Name) -> [Int]? {
        if case .ints(let values)? = step.node.attributes.value(of: name) { values.map { Int($0) } } else { nil }
    }

    func text(_ name: Name) -> String? {
        if case .string(let bytes)? = step.node.attributes.value(of: name) { Name(utf8: bytes)?.text } else { nil }
    }
}
