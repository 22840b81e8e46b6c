/// How the bytes of a tensor stand for its values. The file format (`Schemas/thimble-format.md`, section 4) has the exact rules;
/// each encoding has a file of its own beside this one.
public indirect enum Encoding: Equatable, Sendable {
    /// Little-endian elements, packed as ONNX packs them.
    case plain(TensorBytes)
    /// Element strings, joined.
    case strings(StringList)
    /// Quantized: `(code - zero point) * scale` per cell of a grid.
    case affine(Affine)
    /// Indices into a table of values.
    case palette(Palette)
    /// A bit per element: stored or zero.
    case bitmask(Bitmask)
    /// Distances between stored elements; the rest is zero.
    case gaps(Gaps)
    /// The transpose of a matrix that is stored for another tensor.
    case transposed(Transposed)
}
