internal import ModelGraph
internal import Tensors

/// What one input of one operator is, as far as it is a constant.
enum WeightRole {
    case weight(WeightView, Weight.Product.Kind?, activation: Int)
    /// Stays as it is, for this reason.
    case stays(String)
    case unknown
}

extension WeightRole {
    /// The role of input `index` of `node` for a constant of `dims`.
    static func of(_ index: Int, _ node: Node, dims: [Int]) -> WeightRole {
        let rank = dims.count
        switch (node.opType?.text ?? "", index) {
        case ("Conv", 1), ("FusedConv", 1), ("ConvInteger", 1):
            guard rank >= 3, let groups = node.groups, dims[0] % groups == 0 else { return .unknown }
            return .weight(.rowsFirst(dims, outer: groups), .windows, activation: 0)
        case ("ConvTranspose", 1):
            guard rank >= 3, let groups = node.groups, dims[0] % groups == 0 else { return .unknown }
            return .weight(.transposedConvolution(dims, groups: groups), .windows, activation: 0)
        case ("DeformConv", 1):
            guard rank >= 3 else { return .unknown }
            return .weight(.rowsFirst(dims), nil, activation: 0)
        case ("Gemm", 1), ("FusedGemm", 1):
            guard rank == 2 else { return .unknown }
            let plain = node.integer("transA") == 0
            return .weight(node.integer("transB") != 0 ? .rowsFirst(dims) : .columnsFirst(dims), plain ? .lines : nil, activation: 0)
        case ("Gemm", 0), ("FusedGemm", 0):
            guard rank == 2 else { return .unknown }
            return .weight(node.integer("transA") != 0 ? .columnsFirst(dims) : .rowsFirst(dims), nil, activation: 1)
        case ("MatMul", 1), ("FusedMatMul", 1):
            guard rank >= 2 else { return .unknown }
            let isTransposed = node.opType == "FusedMatMul" && node.integer("transB") != 0
            let plain = rank == 2 && (node.opType == "MatMul" || node.integer("transA") == 0 && node.integer("transBatchA") == 0)
            return .weight(isTransposed ? .rowsFirst(dims, rowAxes: rank - 1) : .columnsFirst(dims), plain ? .lines : nil, activation: 0)
        case ("MatMul", 0), ("FusedMatMul", 0):
            guard rank >= 2 else { return .unknown }
            return .weight(.rowsFirst(dims, rowAxes: rank - 1), nil, activation: 1)
        case ("Attention", 1) where node.domain == "com.microsoft":
            guard rank == 2 else { return .unknown }
            return .weight(.columnsFirst(dims), .lines, activation: 0)
        case ("Gather", 0):
            guard rank == 2, node.integer("axis") == 0 else { return .unknown }
            return .weight(.rowsFirst(dims), .lookups, activation: 1)
        case ("EmbedLayerNormalization", 2...4):
            guard rank == 2 else { return .unknown }
            return .weight(.rowsFirst(dims), index == 3 ? nil : .lookups, activation: index == 2 ? 0 : 1)
        case ("LSTM", 1), ("GRU", 1), ("RNN", 1):
            guard rank == 3 else { return .unknown }
            return .weight(.rowsFirst(dims, rowAxes: 2, outer: dims[0]), .steps, activation: 0)
        case ("LSTM", 2), ("GRU", 2), ("RNN", 2):
            guard rank == 3 else { return .unknown }
            return .weight(.rowsFirst(dims, rowAxes: 2, outer: dims[0]), .previousSteps, activation: 0)
        case ("Einsum", _): return einsum(index, node, dims)
        case ("Conv", 2), ("FusedConv", 2), ("ConvTranspose", 2), ("Gemm", 2), ("FusedGemm", 2), ("LSTM", 3), ("GRU", 3), ("RNN", 3), ("DeformConv", 3),
            ("Attention", 2): return .stays("a bias")
        case ("LSTM", 7): return .stays("peepholes of a recurrent layer")
        case ("BatchNormalization", 1...), ("InstanceNormalization", 1...), ("LayerNormalization", 1...), ("GroupNormalization", 1...),
            ("RMSNormalization", 1...), ("SimplifiedLayerNormalization", 1...), ("SkipLayerNormalization", 2...): return .stays("of a normalization")
        case ("QuantizeLinear", _), ("DequantizeLinear", 1...), ("DynamicQuantizeLinear", _), ("QLinearConv", _), ("QLinearMatMul", _),
            ("MatMulNBits", 2...), ("GatherBlockQuantized", 2...): return .stays("the scale of a quantized value")
        case ("Resize", _), ("Upsample", _), ("Pad", 2...), ("Clip", 1...), ("Range", _), ("NonMaxSuppression", 2...), ("OneHot", 2):
            return .stays("a parameter of \(node.opType ?? "")")
        default: return .unknown
        }
    }

    /// A weight whose first axis is summed over and whose others the result keeps, or of two axes the other way round. What it is multiplied with is known
    /// where that axis is the last of the other operand.
    private static func einsum(_ index: Int, _ node: Node, _ dims: [Int]) -> WeightRole {
        guard case .string(let bytes)? = node.attribute("equation")?.value, let text = String(validating: bytes, as: UTF8.self) else { return .unknown }
        let sides = text.filter { $0 != " " }.split(separator: ">", omittingEmptySubsequences: false)
        guard sides.count == 2, sides[0].last == "-" else { return .unknown }
        let terms = sides[0].dropLast().split(separator: ",", omittingEmptySubsequences: false)
        guard index < terms.count, terms[index].count == dims.count, dims.count >= 2, !terms[index].contains(".") else { return .unknown }
        let letters = Array(terms[index]), kept = letters.map { sides[1].contains($0) }
        guard Set(letters).count == letters.count, kept.count(where: { !$0 }) == 1, let summed = letters.first(where: { !sides[1].contains($0) }) else { return .unknown }
        let other = 1 - index
        let isLine = terms.count == 2 && terms[other].last == summed && terms[other].count(where: { $0 == summed }) == 1 && kept.count(where: \.self) == letters.count(where: { !terms[other].contains($0) })
        if !kept[0] { return .weight(.firstAxisIsColumns(dims), isLine ? .lines : nil, activation: other) }
        if dims.count == 2 { return .weight(.rowsFirst(dims), isLine ? .lines : nil, activation: other) }
        return .unknown
    }
}

extension Node {
    /// Of a convolution; nil if it is none that can be.
    var groups: Int? {
        guard let attribute = attribute("group") else { return 1 }
        guard case .int(let value) = attribute.value, value > 0, value < 1 << 31 else { return nil }
        return Int(value)
    }

    /// An INT attribute; its default is 0 where this is asked.
    func integer(_ name: Name) -> Int64 {
        if case .int(let value)? = attribute(name)?.value { value } else { 0 }
    }

    func integers(_ name: Name) -> [Int]? {
        guard case .ints(let values)? = attribute(name)?.value else { return nil }
        return values.map { Int(clamping: $0) }
    }
}
