package import ModelGraph
internal import Tensors

/// Raises the operator set of a model where nothing changes by that.
package enum OpsetRaise {
    /// Of the default domain; 1 where none is said.
    package static func version(of imports: [OpsetImport]) -> Int64 {
        imports.filter { ["", "ai.onnx"].contains($0.domain?.text ?? "") }.compactMap(\.version).max() ?? 1
    }

    /// Why the graph's operator set cannot be `version` without changing what the model computes; nil if it can.
    package static func obstacle(_ model: Model, to version: Int64) -> String? {
        let from = self.version(of: model.opsetImports)
        guard model.opsetImports.contains(where: { ["", "ai.onnx"].contains($0.domain?.text ?? "") }) else { return "the model imports none" }
        guard model.opsetImports.count(where: { ["", "ai.onnx"].contains($0.domain?.text ?? "") }) == 1 else { return "the model imports it twice" }
        var obstacle: String?
        model.forEachNode { node, place in
            guard obstacle == nil, !place.isInFunction, ["", "ai.onnx"].contains(node.domain?.text ?? "") else { return }
            let name = node.opType ?? ""
            // A function of the model's own may have an operator's name.
            for schema in OperatorSchemas.versions(of: name, domain: "") where schema.sinceVersion > from && schema.sinceVersion <= version {
                if !isHarmless(node, schema.sinceVersion) { obstacle = obstacle ?? "\(name) is another operator from \(schema.sinceVersion) on" }
            }
        }
        return obstacle
    }

    package static func raise(_ model: inout Model, to version: Int64) {
        for index in model.opsetImports.indices where ["", "ai.onnx"].contains(model.opsetImports[index].domain?.text ?? "") {
            model.opsetImports[index].version = version
        }
        // The IR version that came with an operator set (ONNX, "Versioning").
        let released: [(opset: Int64, ir: Int64)] = [(9, 4), (10, 5), (11, 6), (12, 7), (15, 8), (19, 9), (21, 10), (23, 11), (25, 12)]
        let old = model.irVersion ?? 0
        for (opset, ir) in released where version >= opset { model.irVersion = max(model.irVersion ?? ir, ir) }
        // Up to IR 3 initializers are listed as inputs and are constants all the same; from IR 4 on the list would make them defaults.
        if old < 4, model.irVersion ?? 0 >= 4, model.trainingInfo.isEmpty {
            let constants = Set(model.graph.initializers.compactMap(\.name))
            model.graph.inputs.removeAll { $0.name.map(constants.contains) ?? false }
        }
    }

    /// Versions that brought types, a clearer text or an attribute whose default is what was before (ONNX, "Operator Schemas", change logs).
    private static let harmless: [String: Set<Int64>] = {
        let text = """
            Abs 13;Acos 22;Acosh 22;Add 13 14;ArgMax 11 12 13;ArgMin 11 12 13;Asin 22;Asinh 22;Atan 22;Atanh 22;AveragePool 10 11 19 22;\
            BitShift 11;Cast 9 13 19 21 23 24 25;CastLike 19 21 23 24 25;Ceil 13;Clip 12 13;Concat 11 13;Constant 9 11 12 13 19 21 23 24 25;\
            ConstantOfShape 20 21 23 24 25;Conv 11 22;ConvTranspose 11 22;Cos 22;Cosh 22;CumSum 14;DepthToSpace 11 13;\
            DequantizeLinear 13 19 21 23 24 25;Div 13 14;Elu 22;Equal 11 13 19;Erf 13;Exp 13;Expand 13;Flatten 9 11 13 21 23 24 25;Floor 13;GRU 14 22;\
            Gather 11 13;GatherElements 13;GatherND 12 13;Gemm 9 11 13;GlobalAveragePool 22;GlobalMaxPool 22;GlobalLpPool 22;Greater 9 13;\
            GreaterOrEqual 16;GridSample 20 22;HardSigmoid 22;HardSwish 22;Hardmax 11;Identity 13 14 16 19 21 23 24 25;If 11 13 16 19 21 23 24 25;\
            InstanceNormalization 22;IsInf 20;IsNaN 13 20;LRN 13;LSTM 14 22;LeakyRelu 16;Less 9 13;LessOrEqual 16;Log 13;Loop 11 13 16 19 21 23 24 25;\
            MatMul 9 13;Max 8 12 13;MaxPool 8 10 11 12 22;Mean 8 13;Min 8 12 13;Mish 22;Mod 13;Mul 13 14;Neg 13;NonMaxSuppression 11;NonZero 13;OneHot 11;\
            PRelu 9 16;Pad 13 18 19 21 23 24 25;Pow 12 13 15;QuantizeLinear 13 19 21 23 24 25;RNN 14 22;Reciprocal 13;ReduceL1 11 13;ReduceL2 11 13;\
            ReduceLogSum 11 13;ReduceLogSumExp 11 13;ReduceMax 11 12 13 20;ReduceMean 11 13;ReduceMin 11 12 13 20;ReduceProd 11 13;ReduceSum 11;\
            ReduceSumSquare 11 13;Relu 13 14;Reshape 13 14 19 21 23 24 25;ReverseSequence 10;Round 22;Scan 11 16 19 21 23 24 25;Resize 18 19;\
            ScatterElements 13 16 18;ScatterND 13 16 18;Selu 22;Shape 13 15 19 21 23 24 25;Sigmoid 13;Sign 13;Sin 22;Sinh 22;Size 13 19 21 23 24 25;Slice 11 13;Softplus 22;Softsign 22;\
            SpaceToDepth 13;Split 11;Sqrt 13;Squeeze 11 21 23 24 25;Sub 13 14;Sum 8 13;Tan 22;Tanh 13;ThresholdedRelu 22;Tile 13;TopK 11 24;\
            Transpose 13 21 23 24 25;Unsqueeze 11 21 23 24 25;Where 16;Softmax 11;LogSoftmax 11;BatchNormalization 15;Dropout 13 22
            """
        var table: [String: Set<Int64>] = [:]
        for entry in text.split(separator: ";") {
            let parts = entry.split(separator: " ")
            table[String(parts[0])] = Set(parts.dropFirst().compactMap { Int64($0) })
        }
        return table
    }()

    private static func isHarmless(_ node: Node, _ version: Int64) -> Bool {
        let op = node.opType?.text ?? ""
        if harmless[op]?.contains(version) ?? false { return true }
        switch (op, version) {
        // From the axis on as one, or the axis alone: the same where it is the last.
        case ("Softmax", 13), ("LogSoftmax", 13), ("Hardmax", 13): return node.attribute("axis")?.value == .int(-1)
        // Without training; `spatial` went with 9.
        case ("BatchNormalization", 9): return node.attribute("spatial") == nil
        case ("BatchNormalization", 14): return node.outputs.count == 1
        case ("Dropout", 10): return true
        case ("Dropout", 12): return node.attribute("ratio") == nil
        // Attributes that became inputs, where they are not given.
        case ("Clip", 11): return node.attribute("min") == nil && node.attribute("max") == nil
        // A mode that went with 13.
        case ("Resize", 13): return node.attribute("coordinate_transformation_mode")?.value != .string(Array("tf_half_pixel_for_nn".utf8))
        case ("Slice", 10): return node.attribute("starts") == nil
        case ("Pad", 11): return node.attribute("pads") == nil
        case ("Split", 13): return node.attribute("split") == nil
        case ("Unsqueeze", 13): return node.attribute("axes") == nil
        case ("Squeeze", 13), ("ReduceSum", 13), ("ReduceMean", 18), ("ReduceMax", 18), ("ReduceMin", 18), ("ReduceL1", 18), ("ReduceL2", 18),
            ("ReduceProd", 18), ("ReduceSumSquare", 18), ("ReduceLogSum", 18), ("ReduceLogSumExp", 18): return node.attribute("axes") == nil
        case ("Split", 18): return node.inputs.count > 1 || node.attribute("num_outputs") != nil
        default: return false
        }
    }
}
