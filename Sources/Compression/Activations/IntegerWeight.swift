internal import ModelGraph
internal import Tensors

/// Weights of a product as codes of 8 bits around 0, with a scale for all or for each output channel.
struct IntegerWeight {
    let dims: [Int]
    let elementType: ElementType
    private(set) var codes: TensorBytes
    private(set) var scales: [Float]
    /// Of the output channels; nil: one scale.
    let axis: Int?

    /// Nil for weights of another form.
    init?(_ tensor: Tensor) {
        guard case .affine(let affine) = tensor.encoding, affine.bits == 8, affine.isSigned, affine.zeroPoint == nil, tensor.elementType == .float,
            let grid = try? Grid(block: affine.block, dims: tensor.dims), let count = affine.scale.elementCount, let bytes = try? affine.scale.plainBytes(),
            let scales = try? StripReader.floats(bytes, affine.scale.elementType, 0..<count), scales.allSatisfy({ $0 > 0 })
        else { return nil }
        let several = grid.cells.indices.filter { grid.cells[$0] > 1 }
        guard several.isEmpty || several.count == 1 && grid.cells[several[0]] == tensor.dims[several[0]] else { return nil }
        (dims, elementType, codes, axis) = (tensor.dims, .int8, affine.codes, several.first)
        self.scales = scales
    }

    /// True if the scales are those of what `node` makes.
    func suits(_ node: Node) -> Bool {
        guard let axis else { return true }
        return switch node.opType?.text {
        case "Conv": axis == 0
        case "ConvTranspose": axis == 1 && node.groups == 1
        case "MatMul": dims.count == 2 && axis == 1
        case "Gemm": axis == (node.integer("transB", default: 0) != 0 ? 0 : 1)
        default: false
        }
    }

    /// Channels whose scales are below `least` get that, and the codes nearest to what they stood for. Such a channel's sums are small beside its bias, which
    /// would not fit into 32 bits otherwise.
    mutating func raise(to least: [Float]) throws {
        guard axis != nil, least.count == scales.count, zip(scales, least).contains(where: { $0 < $1 }) else { return }
        let channels = scales.count, inner = axis.map { dims[($0 + 1)...].reduce(1, *) } ?? 1
        var bytes = try codes.array()
        let factors = zip(scales, least).map { $0 < $1 ? $0 / $1 : 1 }
        for index in bytes.indices {
            let factor = factors[index / inner % channels]
            if factor != 1 { bytes[index] = UInt8(bitPattern: Int8((Float(Int8(bitPattern: bytes[index])) * factor).rounded(.toNearestOrEven))) }
        }
        codes = TensorBytes(bytes)
        for channel in scales.indices { scales[channel] = max(scales[channel], least[channel]) }
    }
}
