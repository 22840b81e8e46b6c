internal import ModelGraph
internal import Tensors

/// Gives the mean of a layer's output back that rounding its weights took: b += E[(W − Ŵ) x] (Nagel et al., "Data-Free Quantization", 2019).
enum BiasCorrection {
    /// `shifts` says by weight what each row's output lost. Changes FLOAT biases of convolutions and `Gemm`, and of the `Add` behind a `MatMul`, that
    /// are initializers of the main graph and serve no one else.
    static func apply(_ shifts: [Place: [Float]], _ weights: [Weight], to model: inout Model, _ report: inout QuantizationReport) {
        guard !shifts.isEmpty else { return }
        var uses: [Name: Int] = [:], adds: [Name: Node] = [:]
        model.forEachNode { node, _ in
            for input in node.inputs {
                uses[input, default: 0] += 1
                if node.opType == "Add" { adds[input] = node }
            }
        }
        for output in model.graph.outputs { if let name = output.name { uses[name, default: 0] += 1 } }
        let main = Place([.graph(model.graph.name)])
        var corrected = 0
        for weight in weights {
            guard let shift = shifts[weight.place], let product = weight.product, product.scope == main else { continue }
            guard let bias = bias(of: product.node, uses, adds), uses[bias] == 1 else { continue }
            guard let index = model.graph.initializers.firstIndex(where: { $0.name == bias }) else { continue }
            if correct(&model.graph.initializers[index], by: shift) { corrected += 1 }
        }
        if corrected > 0 { report.notes.append("\(corrected) biases make up for what rounding did to the mean of a layer's output") }
    }

    private static func bias(of node: Node, _ uses: [Name: Int], _ adds: [Name: Node]) -> Name? {
        switch node.opType?.text {
        case "Conv", "ConvTranspose", "Gemm":
            if case .float(let beta)? = node.attribute("beta")?.value, beta != 1 { return nil }
            if case .float(let alpha)? = node.attribute("alpha")?.value, alpha != 1 { return nil }
            return node.inputs.count > 2 ? node.inputs[2] : nil
        case "MatMul":
            guard let output = node.outputs.first, uses[output] == 1, let add = adds[output], add.inputs.count == 2 else { return nil }
            return add.inputs[0] == output ? add.inputs[1] : add.inputs[0]
        default: return nil
        }
    }

    private static func correct(_ tensor: inout Tensor, by shift: [Float]) -> Bool {
        guard tensor.elementType == .float, tensor.elementCount == shift.count, tensor.dims.last == shift.count, case .plain(let bytes) = tensor.encoding,
            var values = try? StripReader.floats(bytes, .float, 0..<shift.count), shift.allSatisfy(\.isFinite), shift.contains(where: { $0 != 0 })
        else { return false }
        for index in values.indices { values[index] += shift[index] }
        guard let memory = try? OwnedMemory(byteCount: bytes.count) else { return false }
        unsafe values.withUnsafeBufferPointer { unsafe FloatConversion.fromFloat($0, .float, into: memory.bytes) }
        tensor.encoding = .plain(TensorBytes(memory))
        return true
    }
}
