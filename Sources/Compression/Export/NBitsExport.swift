internal import ModelGraph
internal import Tensors

/// Products with weights of 4 or 8 bits in groups as ONNX Runtime's `MatMulNBits`.
enum NBitsExport {
    static func apply(to model: Model) -> (model: Model, notes: [String]) {
        var model = model, users: [Name: Int] = [:]
        model.forEachNode { node, _ in for input in node.inputs { users[input, default: 0] += 1 } }
        for output in model.graph.outputs { if let name = output.name { users[name, default: 0] += 1 } }
        var weights: [Name: Int] = [:]
        for (index, tensor) in model.graph.initializers.enumerated() { if let name = tensor.name { weights[name] = index } }
        var made = 0, gone: Set<Name> = [], added: [Tensor] = []
        for index in model.graph.nodes.indices {
            let node = model.graph.nodes[index]
            guard node.opType == "MatMul", ["", "ai.onnx"].contains(node.domain?.text ?? ""), node.inputs.count == 2, users[node.inputs[1]] == 1,
                let at = weights[node.inputs[1]], let form = try? packed(model.graph.initializers[at])
            else { continue }
            var replacement = node
            replacement.opType = "MatMulNBits"
            replacement.domain = "com.microsoft"
            replacement.inputs = [node.inputs[0]] + form.constants.map { $0.name ?? "" }
            replacement.attributes = [("K", form.columns), ("N", form.rows), ("bits", form.bits), ("block_size", form.group)].map { Attribute(Name($0.0), .int(Int64($0.1))) }
            model.graph.nodes[index] = replacement
            added += form.constants
            gone.insert(node.inputs[1])
            made += 1
        }
        model.graph.initializers.removeAll { $0.name.map(gone.contains) ?? false }
        model.graph.initializers += added
        model.graph.inputs.removeAll { $0.name.map(gone.contains) ?? false }
        let tables = GatherExport.apply(to: &model)
        guard made + tables > 0 else { return (model, ["no product has weights of 4 or 8 bits in groups of 16, 32, … 256: MatMulNBits is not used"]) }
        if !model.opsetImports.contains(where: { $0.domain == "com.microsoft" }) { model.opsetImports.append(OpsetImport(domain: "com.microsoft", version: 1)) }
        var notes = made > 0 ? ["\(made) products are MatMulNBits of ONNX Runtime"] : []
        if tables > 0 { notes.append("\(tables) lookups are GatherBlockQuantized of ONNX Runtime") }
        return (model, notes)
    }

    private struct Form {
        let constants: [Tensor]
        let rows: Int, columns: Int, bits: Int, group: Int
    }

    /// Blocks of a column of the weight as bytes, low bits first: [N, blocks, group · bits / 8]. Codes are unsigned, the middle is 0.
    private static func packed(_ tensor: Tensor) throws -> Form? {
        guard case .affine(let affine) = tensor.encoding, affine.bits == 4 || affine.bits == 8, tensor.dims.count == 2, tensor.elementType == .float,
            let block = affine.block, block.count == 2, block[1] == 1, [16, 32, 64, 128, 256].contains(block[0])
        else { return nil }
        let columns = tensor.dims[0], rows = tensor.dims[1], group = block[0], blocks = ceilDivide(columns, group), bits = affine.bits
        let codes = try CodeStream.unpack(affine.codes, bits: bits, isSigned: affine.isSigned, range: 0..<columns * rows)
        let middle: Int32 = affine.isSigned ? 1 << (bits - 1) : 0
        let scales = try StripReader.floats(affine.scale.plainBytes(), affine.scale.elementType, 0..<blocks * rows)
        let zeros = try affine.zeroPoint?.plainBytes().array()
        var ordered: [Int32] = [], scale = [Float](repeating: 0, count: scales.count), zero: [Int32] = []
        ordered.reserveCapacity(rows * blocks * group)
        let perRow = bits == 4 ? ceilDivide(blocks, 2) * 2 : blocks
        for row in 0..<rows {
            for at in 0..<blocks {
                scale[row * blocks + at] = scales[at * rows + row]
                let pad = zeros.map { Int32($0[at * rows + row]) } ?? middle
                if zeros != nil { zero.append(pad) }
                for column in at * group..<(at + 1) * group { ordered.append(column < columns ? codes[column * rows + row] + middle : pad) }
            }
            if zeros != nil { zero += [Int32](repeating: 0, count: perRow - blocks) }
        }
        let name = tensor.name?.text ?? ""
        let memory = try OwnedMemory(byteCount: scale.count * 4)
        unsafe scale.withUnsafeMutableBufferPointer { unsafe FloatConversion.fromFloat(UnsafeBufferPointer($0), .float, into: memory.bytes) }
        var constants = [
            Tensor(name: Name(name + "_nbits"), .uint8, dims: [rows, blocks, group * bits / 8], bytes: TensorBytes(CodeStream.pack(ordered, bits: bits))),
            Tensor(name: Name(name + "_nbits_scales"), .float, dims: [rows * blocks], bytes: TensorBytes(memory)),
        ]
        if zeros != nil {
            let bytes = CodeStream.pack(zero, bits: bits)
            constants.append(Tensor(name: Name(name + "_nbits_zero_points"), .uint8, dims: [bytes.count], bytes: TensorBytes(bytes)))
        }
        return Form(constants: constants, rows: rows, columns: columns, bits: bits, group: group)
    }
}
