import ModelGraph
import Tensors
import TestSupport

/// A way to keep a tensor of floats as codes.
struct TestEncoding: CustomStringConvertible, Sendable {
    enum Form: Sendable { case affine(bits: Int, isSigned: Bool), palette(bits: Int) }
    enum Cells: CaseIterable, Sendable { case tensor, firstAxis, secondAxis, groups }

    let form: Form
    let cells: Cells
    var scaleType: ElementType = .float

    var description: String { "\(form), \(cells), \(scaleType)" }

    func block(_ dims: [Int]) -> [Int]? {
        switch cells {
        case .tensor: nil
        case .firstAxis: dims.indices.map { $0 == 0 ? 1 : 0 }
        case .secondAxis: dims.indices.map { $0 == min(1, dims.count - 1) ? 1 : 0 }
        case .groups: dims.indices.map { $0 == dims.count - 1 ? 16 : 1 }
        }
    }

    /// The tensor's numbers rounded to such codes.
    func encode(_ tensor: Tensor) throws -> Tensor {
        let values = try Value.tensor(tensor).floats, dims = tensor.dims, block = block(dims), grid = try Grid(block: block, dims: dims)
        let count = grid.cells.reduce(1, *)
        var encoded = tensor
        switch form {
        case .affine(let bits, let isSigned):
            var largest = [Float](repeating: 1e-6, count: count)
            grid.forEachRun(of: 0..<values.count) { first, n, cell in for index in first..<first + n { largest[cell] = max(largest[cell], abs(values[index])) } }
            // Powers of two are numbers of all types of scales.
            let scales = largest.map { Float(sign: .plus, exponent: ($0 / Float(1 << (bits - 1))).exponent + 1, significand: 1) }
            let zeros = (0..<count).map { isSigned ? $0 % 3 == 0 ? 0 : 1 : bits > 8 ? (1 << (bits - 1)) - 40 : (1 << (bits - 1)) - $0 % 2 }
            let codes = try Affine.codes(for: values, dims: dims, bits: bits, isSigned: isSigned, block: block, scale: scales, zeroPoint: zeros.map { Float($0) })
            let bytes = bits > 8 ? zeros.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } : zeros.map { UInt8($0) }
            let type: ElementType = bits > 8 ? isSigned ? .int16 : .uint16 : isSigned ? .int8 : .uint8
            let scale = scaleType == .float ? floats(grid.cells, scales) : Tensor(scaleType, dims: grid.cells, bytes: TensorBytes(scales.flatMap { narrow($0) }))
            encoded.encoding = .affine(
                Affine(
                    bits: bits, isSigned: isSigned, block: block, codes: TensorBytes(CodeStream.pack(codes, bits: bits)), scale: scale,
                    zeroPoint: Tensor(type, dims: grid.cells, bytes: TensorBytes(bytes))))
        case .palette(let bits):
            let size = 1 << bits, low = values.min() ?? 0, step = ((values.max() ?? 0) - low) / Float(size - 1)
            let indices = values.map { step == 0 ? 0 : Int32((($0 - low) / step).rounded()) }
            let table = (0..<count * size).map { low + step * Float($0 % size) + 0.001 * Float($0 / size % 5) }
            encoded.encoding = .palette(
                Palette(bits: bits, block: block, vector: 1, indices: TensorBytes(CodeStream.pack(indices, bits: bits)), table: floats(grid.cells + [size, 1], table)))
        }
        try encoded.checkEncoding()
        return encoded
    }

    private func floats(_ dims: [Int], _ values: [Float]) -> Tensor { Tensor(.float, dims: dims, bytes: bytes(values)) }
    private func bytes(_ values: [Float]) -> TensorBytes { TensorBytes(values.flatMap { littleEndianBytes($0.bitPattern) }) }

    /// A power of two in 16 bits.
    private func narrow(_ value: Float) -> [UInt8] {
        let exponent = Int(value.exponent)
        let bits = scaleType == .float16 ? exponent >= -14 ? UInt16((exponent + 15) << 10) : UInt16(1 << (exponent + 24)) : UInt16((exponent + 127) << 7)
        return littleEndianBytes(bits)
    }
}

extension Model {
    /// With float initializers of so many elements and two axes or more as codes, and the same codes as numbers.
    func encoded(_ encoding: TestEncoding, from smallest: Int = 64) throws -> (codes: Model, numbers: Model) {
        var (codes, numbers) = (self, self)
        for index in graph.initializers.indices {
            let tensor = graph.initializers[index]
            guard tensor.elementType == .float, tensor.dims.count >= 2, tensor.dims.reduce(1, *) >= smallest else { continue }
            let made = try encoding.encode(tensor)
            codes.graph.initializers[index] = made
            numbers.graph.initializers[index].encoding = .plain(TensorBytes(try made.plainBytes().array()))
        }
        return (codes, numbers)
    }
}
