internal import ModelGraph
internal import Tensors

/// Why an output is held to be scores of classes, so that the greatest of a row is an answer.
struct ClassScores {
    private enum Evidence {
        /// A softmax over that axis; up to opset 12 over it and all behind it.
        case softmax(axis: Int, joinsAxes: Bool)
        /// The same with other dims since, or as nodes of its own.
        case reshapedSoftmax
        /// What the last layer of a classifier is.
        case layer
    }

    private let evidence: Evidence
    private let op: Name

    private static let softmaxes: Set<Name> = ["Softmax", "LogSoftmax", "Hardmax"]
    private static let keepingDims: Set<Name> = ["Identity", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear"]
    private static let changingDims: Set<Name> = ["Reshape", "Flatten", "Squeeze", "Unsqueeze"]
    private static let layers: Set<Name> = [
        "Gemm", "FusedGemm", "MatMul", "MatMulInteger", "QLinearMatMul", "MatMulNBits", "Add", "QLinearAdd", "Conv", "FusedConv", "QLinearConv",
        "GlobalAveragePool", "QLinearGlobalAveragePool", "AveragePool", "ReduceMean", "Sigmoid", "LinearClassifier", "SVMClassifier",
        "TreeEnsembleClassifier", "Normalizer",
    ]

    /// Nil where nothing speaks for scores.
    init?(_ output: Name, of model: Model) {
        var makers: [Name: Node] = [:]
        for node in model.graph.nodes { for name in node.outputs where !name.isEmpty { makers[name] = node } }
        let opset = model.opsetImports.last { ($0.domain ?? "").isEmpty || $0.domain == "ai.onnx" }?.version ?? 1
        var name = output, isReshaped = false
        for _ in 0..<16 {
            guard let node = makers[name], let op = node.opType else { return nil }
            if Self.softmaxes.contains(op) {
                var axis = opset < 13 ? 1 : -1
                if case .int(let given)? = node.attribute("axis")?.value { axis = Int(given) }
                (evidence, self.op) = (isReshaped ? .reshapedSoftmax : .softmax(axis: axis, joinsAxes: opset < 13), op)
                return
            }
            if Self.layers.contains(op) {
                (evidence, self.op) = (.layer, op)
                return
            }
            if op == "Div", let over = node.inputs.first, makers[over]?.opType == "Exp" {
                (evidence, self.op) = (.reshapedSoftmax, "Exp and Div")
                return
            }
            guard Self.keepingDims.contains(op) || Self.changingDims.contains(op), let first = node.inputs.first else { return nil }
            isReshaped = isReshaped || Self.changingDims.contains(op)
            name = first
        }
        return nil
    }

    /// How many classes there are, along the last axis of more than one; nil if its dims do not look like that.
    func classes(_ dims: [Int]) -> Int? {
        let trimmed = dims.prefix(through: dims.lastIndex { $0 != 1 } ?? -1)
        guard let count = trimmed.last, count >= 2 else { return nil }
        switch evidence {
        case .reshapedSoftmax: return count
        case .layer: return trimmed.count <= 2 ? count : nil
        case .softmax(let axis, let joinsAxes):
            let first = axis < 0 ? axis + dims.count : axis, last = trimmed.count - 1
            guard first >= 0, first <= last else { return nil }
            return first == last || joinsAxes && trimmed[first..<last].allSatisfy { $0 == 1 } ? count : nil
        }
    }

    var why: String {
        switch evidence {
        case .softmax, .reshapedSoftmax: "scores of classes along the last axis: made by \(op)"
        case .layer: "taken for scores of classes along the last axis: one or two axes, made by \(op)"
        }
    }
}

extension [Double] {
    /// Where the greatest number is, the first of equals; nil if all are NaN.
    func indexOfGreatest(in range: Range<Int>) -> Int? {
        var best: Int?
        for index in range where !self[index].isNaN && (best.map { self[index] > self[$0] } ?? true) { best = index }
        return best
    }
}
