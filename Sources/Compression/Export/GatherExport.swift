internal import ModelGraph
internal import Tensors

/// Tables of 2, 4 or 8 bits that are looked up as ONNX Runtime's `GatherBlockQuantized`.
enum GatherExport {
    /// Changes `model`; returns how many nodes.
    static func apply(to model: inout Model) -> Int {
        var users: [Name: Int] = [:], gathers: [Name: [Int]] = [:]
        model.forEachNode { node, _ in for input in node.inputs { users[input, default: 0] += 1 } }
        for output in model.graph.outputs { if let name = output.name { users[name, default: 0] += 1 } }
        for (index, node) in model.graph.nodes.enumerated() {
            guard node.opType == "Gather", ["", "ai.onnx"].contains(node.domain?.text ?? ""), node.inputs.count == 2, node.integer("axis") == 0 else { continue }
            gathers[node.inputs[0], default: []].append(index)
        }
        var made = 0, gone: Set<Name> = [], added: [Tensor] = []
        for tensor in model.graph.initializers {
            guard let name = tensor.name, let nodes = gathers[name], users[name] == nodes.count, let form = try? packed(tensor) else { continue }
            for index in nodes {
                var node = model.graph.nodes[index]
                node.opType = "GatherBlockQuantized"
                node.domain = "com.microsoft"
                node.inputs = [form.constants[0].name ?? "", node.inputs[1]] + form.constants.dropFirst().map { $0.name ?? "" }
                node.attributes = [("bits", form.bits), ("block_size", form.group), ("gather_axis", 0), ("quantize_axis", 1)].map { Attribute(Name($0.0), .int(Int64($0.1))) }
                model.graph.nodes[index] = node
                made += 1
            }
            added += form.constants
            gone.insert(name)
        }
        model.graph.initializers.removeAll { $0.name.map(gone.contains) ?? false }
        model.graph.initializers += added
        model.graph.inputs.removeAll { $0.name.map(gone.contains) ?? false }
        return made
    }

    private struct Form {
        let constants: [Tensor]
        let bits: Int, group: Int
    }

    /// Codes as bytes, low bits first, [rows, columns · bits / 8], and scales, [rows, blocks]. Codes are unsigned, the middle is 0. A row with one scale is a
    /// block that is longer than it.
    private static func packed(_ tensor: Tensor) throws -> Form? {
        guard case .affine(let affine) = tensor.encoding, [2, 4, 8].contains(affine.bits), tensor.dims.count == 2, tensor.elementType == .float,
            let block = affine.block, block.count == 2, block[0] == 1, tensor.dims[1] % (8 / affine.bits) == 0
        else { return nil }
        let rows = tensor.dims[0], columns = tensor.dims[1], bits = affine.bits
        var group = block[1]
        if group == 0 || group >= columns {
            group = 16
            while group < columns { group *= 2 }
        }
        guard group >= 16, group & (group - 1) == 0 else { return nil }
        let blocks = ceilDivide(columns, group), perByte = 8 / bits
        let middle: Int32 = affine.isSigned ? 1 << (bits - 1) : 0
        let codes = try CodeStream.unpack(affine.codes, bits: bits, isSigned: affine.isSigned, range: 0..<rows * columns).map { $0 + middle }
        var scales = try StripReader.floats(affine.scale.plainBytes(), affine.scale.elementType, 0..<blocks * rows)
        let name = tensor.name?.text ?? "", memory = try OwnedMemory(byteCount: scales.count * 4)
        unsafe scales.withUnsafeMutableBufferPointer { unsafe FloatConversion.fromFloat(UnsafeBufferPointer($0), .float, into: memory.bytes) }
        var constants = [
            Tensor(name: Name(name + "_nbits"), .uint8, dims: [rows, columns / perByte], bytes: TensorBytes(CodeStream.pack(codes, bits: bits))),
            Tensor(name: Name(name + "_nbits_scales"), .float, dims: [rows, blocks], bytes: TensorBytes(memory)),
        ]
        if let zeros = try affine.zeroPoint?.plainBytes().array() {
            // Each row begins with a byte of its own.
            let wide = ceilDivide(blocks, perByte)
            var padded = [Int32](repeating: 0, count: rows * wide * perByte)
            for row in 0..<rows { for at in 0..<blocks { padded[row * wide * perByte + at] = Int32(zeros[row * blocks + at]) } }
            constants.append(
                Tensor(name: Name(name + "_nbits_zero_points"), .uint8, dims: [rows, wide], bytes: TensorBytes(CodeStream.pack(padded, bits: bits))))
        }
        return Form(constants: constants, bits: bits, group: group)
    }
}
