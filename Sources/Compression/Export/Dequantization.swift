internal import ModelGraph
internal import Tensors

/// The nodes that make one encoded weight: `DequantizeLinear` where the operator set has a form that fits, else `Cast`, `Sub` and `Mul`, which compute
/// the same.
struct Dequantization {
    private enum Form {
        case tensor
        case axis(Int)
        /// Blocks along an axis; every other axis has a scale per index.
        case blocks(axis: Int, size: Int)
    }

    private let affine: Affine
    private let tensor: Tensor
    private let name: Name
    private let opset: Int64
    private let grid: Grid
    /// Dims in which the form fits; those of the tensor, or those of a matrix.
    private let shape: [Int]
    private let form: Form?

    init(_ affine: Affine, _ tensor: Tensor, name: Name, opset: Int64) throws {
        (self.affine, self.tensor, self.name, self.opset) = (affine, tensor, name, opset)
        grid = try Grid(block: affine.block, dims: tensor.dims)
        if let form = Self.form(grid.cells, grid.block, tensor.dims) {
            (shape, self.form) = (tensor.dims, form)
        } else if let matrix = Self.matrix(grid) {
            (shape, form) = (matrix.dims, Self.form(matrix.cells, matrix.block, matrix.dims))
        } else {
            (shape, form) = (tensor.dims, nil)
        }
    }

    /// The operator set that has the shortest way; 0 where any has.
    var bestOpset: Int64 {
        let codes: Int64 = switch affine.bits {
        case 8: 0
        case 4, 3: 21
        case 2: 25
        case 16: 21
        default: 0
        }
        return switch form {
        case .tensor: max(codes, 10)
        case .axis: max(codes, 13)
        case .blocks: 21
        case nil: 0
        }
    }

    private static func form(_ cells: [Int], _ block: [Int], _ dims: [Int]) -> Form? {
        if cells.allSatisfy({ $0 == 1 }) { return .tensor }
        let several = cells.indices.filter { cells[$0] > 1 }
        if several.count == 1, cells[several[0]] == dims[several[0]] { return .axis(several[0]) }
        let parted = cells.indices.filter { cells[$0] != dims[$0] }
        guard parted.count == 1 else { return nil }
        return .blocks(axis: parted[0], size: block[parted[0]])
    }

    /// Leading axes with a cell per index as rows, the rest as columns.
    private static func matrix(_ grid: Grid) -> (dims: [Int], cells: [Int], block: [Int])? {
        let dims = grid.dims
        guard let split = grid.cells.indices.first(where: { grid.cells[$0] != dims[$0] }), split > 0 else { return nil }
        guard grid.cells[(split + 1)...].allSatisfy({ $0 == 1 }) else { return nil }
        let rows = dims[..<split].reduce(1, *), tail = dims[(split + 1)...].reduce(1, *)
        return ([rows, dims[split] * tail], [rows, grid.cells[split]], [1, grid.block[split] * tail])
    }

    /// Nil if no nodes can make it.
    func replacement(_ fresh: (String) -> Name) throws -> WeightReplacement? {
        guard let form, opset >= needed(form) else { return try product(fresh) }
        let (codes, type) = try codes(smallest: true)
        var made = WeightReplacement(constants: [], nodes: [])
        let stored = constant(codes, type, shape, "quantized", &made, fresh)
        let (scaleDims, axis, size) = parameters(form)
        let scale = constant(try floats(affine.scale), .float, scaleDims, "scale", &made, fresh)
        var inputs = [stored, scale]
        if affine.zeroPoint != nil { inputs.append(constant(try zeros(type, count: scaleDims.reduce(1, *)), type, scaleDims, "zero_point", &made, fresh)) }
        var attributes: [Attribute] = []
        if let axis { attributes.append(Attribute("axis", .int(Int64(axis)))) }
        if let size { attributes.append(Attribute("block_size", .int(Int64(size)))) }
        append(Node("DequantizeLinear", inputs: inputs, attributes: attributes), &made, fresh)
        finish(&made, shape: shape, fresh)
        return made
    }

    private func needed(_ form: Form) -> Int64 {
        switch form {
        case .tensor: max(affine.bits == 16 ? 21 : 0, 10)
        case .axis: affine.bits == 16 ? 21 : 13
        case .blocks: 21
        }
    }

    private func parameters(_ form: Form) -> (dims: [Int], axis: Int?, size: Int?) {
        switch form {
        case .tensor: return ([], nil, nil)
        case .axis(let axis): return ([shape[axis]], axis, nil)
        case .blocks(let axis, let size):
            var dims = shape
            dims[axis] = ceilDivide(shape[axis], size)
            return (dims, axis, size)
        }
    }

    /// (Cast(codes) − zero point) · scale, with axes that hold several cells split into cells and what is in them.
    private func product(_ fresh: (String) -> Name) throws -> WeightReplacement? {
        var split: [Int] = [], cells: [Int] = []
        for axis in tensor.dims.indices {
            let dim = tensor.dims[axis], count = grid.cells.isEmpty ? 1 : grid.cells[axis]
            if count == 1 || count == dim {
                split.append(dim)
                cells.append(count)
            } else {
                guard dim % grid.block[axis] == 0 else { return nil }
                split += [count, grid.block[axis]]
                cells += [count, 1]
            }
        }
        // INT4 cannot be cast before operator set 19.
        let (codes, type) = try codes(smallest: false)
        var made = WeightReplacement(constants: [], nodes: [])
        let stored = constant(codes, type, split, "quantized", &made, fresh)
        append(Node("Cast", inputs: [stored], attributes: [Attribute("to", .int(Int64(ElementType.float.rawValue)))]), &made, fresh)
        if affine.zeroPoint != nil {
            let zero = constant(try floats(zeroTensor(cells)), .float, cells, "zero_point", &made, fresh)
            append(Node("Sub", inputs: [last(made), zero]), &made, fresh)
        }
        let scale = constant(try floats(affine.scale), .float, cells, "scale", &made, fresh)
        append(Node("Mul", inputs: [last(made), scale]), &made, fresh)
        finish(&made, shape: split, fresh)
        return made
    }

    // MARK: - pieces

    private func last(_ made: WeightReplacement) -> Name { made.nodes.last?.outputs.first ?? "" }

    private func append(_ node: Node, _ made: inout WeightReplacement, _ fresh: (String) -> Name) {
        var node = node
        let op = node.opType?.text ?? ""
        node.name = fresh("\(name.text)_\(op)")
        node.outputs = [fresh("\(name.text)_\(op)_output")]
        made.nodes.append(node)
    }

    /// Back to the tensor's dims and type; the last node makes the weight itself.
    private func finish(_ made: inout WeightReplacement, shape: [Int], _ fresh: (String) -> Name) {
        if shape != tensor.dims {
            var bytes: [UInt8] = []
            for dim in tensor.dims { for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: dim >> (8 * shift))) } }
            let dims = constant(TensorBytes(bytes), .int64, [tensor.dims.count], "dims", &made, fresh)
            append(Node("Reshape", inputs: [last(made), dims]), &made, fresh)
        }
        if tensor.elementType != .float {
            append(Node("Cast", inputs: [last(made)], attributes: [Attribute("to", .int(Int64(tensor.elementType.rawValue)))]), &made, fresh)
        }
        made.nodes[made.nodes.count - 1].outputs = [name]
    }

    private func constant(
        _ bytes: TensorBytes, _ type: ElementType, _ dims: [Int], _ what: String, _ made: inout WeightReplacement, _ fresh: (String) -> Name
    ) -> Name {
        let name = fresh("\(self.name.text)_\(what)")
        made.constants.append(Tensor(name: name, type, dims: dims, bytes: bytes))
        return name
    }

    /// Codes as plain elements of an integer type: the smallest that the operator set has, or whole bytes.
    private func codes(smallest: Bool) throws -> (TensorBytes, ElementType) {
        let isSigned = affine.isSigned
        if smallest, affine.bits <= 4, opset >= (affine.bits == 2 ? 25 : 21) {
            let type: ElementType = affine.bits == 2 ? (isSigned ? .int2 : .uint2) : (isSigned ? .int4 : .uint4)
            return (affine.bits == 3 ? try unpacked(to: 4) : affine.codes, type)
        }
        if smallest, affine.bits == 2, opset >= 21 { return (try unpacked(to: 4), isSigned ? .int4 : .uint4) }
        if affine.bits > 8 { return (affine.bits == 16 ? affine.codes : try unpacked(to: 16), isSigned ? .int16 : .uint16) }
        return (affine.bits == 8 ? affine.codes : try unpacked(to: 8), isSigned ? .int8 : .uint8)
    }

    /// The same codes in more bits.
    private func unpacked(to bits: Int) throws -> TensorBytes {
        let count = tensor.elementCount ?? 0, step = 1 << 16
        guard let size = CodeStream.byteCount(count, bits: bits) else { throw ModelError(.limit, "is too large") }
        let memory = try OwnedMemory(byteCount: size)
        for start in stride(from: 0, to: count, by: step) {
            let codes = try CodeStream.unpack(affine.codes, bits: affine.bits, isSigned: affine.isSigned, range: start..<min(count, start + step))
            let packed = CodeStream.pack(codes, bits: bits)
            let at = start * bits / 8
            unsafe packed.withUnsafeBytes { unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[at..<at + packed.count]).copyMemory(from: $0) }
        }
        return TensorBytes(memory)
    }

    private func zeroTensor(_ dims: [Int]) -> Tensor {
        affine.zeroPoint ?? Tensor(.uint8, dims: dims, bytes: .empty)
    }

    /// A scale or a zero point as binary32.
    private func floats(_ tensor: Tensor) throws -> TensorBytes {
        let bytes = try tensor.plainBytes(), count = tensor.elementCount ?? 0
        var values: [Float]
        switch tensor.elementType {
        case .uint8: values = try bytes.array().map { Float($0) }
        case .uint16: values = try bytes.array().pairs().map { Float($0) }
        case .int8: values = try bytes.array().map { Float(Int8(bitPattern: $0)) }
        case .float, .float16, .bfloat16: values = try StripReader.floats(bytes, tensor.elementType, 0..<count)
        default: throw ModelError(.unsupported, "has scales or zero points of type \(tensor.elementType), which no standard operator takes")
        }
        let memory = try OwnedMemory(byteCount: values.count * 4)
        unsafe values.withUnsafeMutableBufferPointer { unsafe FloatConversion.fromFloat(UnsafeBufferPointer($0), .float, into: memory.bytes) }
        return TensorBytes(memory)
    }

    /// Zero points have the type of the codes.
    private func zeros(_ type: ElementType, count: Int) throws -> TensorBytes {
        if let zero = affine.zeroPoint, zero.elementType == type, zero.elementCount == count { return try zero.plainBytes() }
        guard let zero = affine.zeroPoint, [.uint8, .int8].contains(zero.elementType), zero.elementCount == count else {
            throw ModelError(.unsupported, "has zero points that no standard operator takes")
        }
        let bytes = try zero.plainBytes()
        guard let bits = type.bitWidth, bits != 8 else { return bytes }
        return TensorBytes(CodeStream.pack(try bytes.array().map { Int32($0) }, bits: bits))
    }
}

extension [UInt8] {
    /// Little-endian numbers of 16 bits.
    fileprivate func pairs() -> [Int] { stride(from: 0, to: count - 1, by: 2).map { Int(self[$0]) | Int(self[$0 + 1]) << 8 } }
}
