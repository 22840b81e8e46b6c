internal import ModelGraph
internal import Tensors

extension Tensor {
    /// The word for how the values are encoded, and the bytes that stand for them (codes and indices, not scales and tables).
    var storedAs: (name: String, bytes: TensorBytes) {
        switch encoding {
        case .plain(let bytes): ("plain", bytes)
        case .strings(let list): ("strings", list.joined)
        case .affine(let affine): ("affine", affine.codes)
        case .palette(let palette): ("palette", palette.indices)
        case .bitmask(let bitmask): ("bitmask", bitmask.mask)
        case .gaps(let gaps): ("gaps", gaps.gaps)
        case .transposed(let transposed): ("transposed", transposed.of.storedAs.bytes)
        }
    }
}

extension Tensor {
    /// Bytes of everything that stands for the values, scales and tables included.
    var storedByteCount: Int {
        switch encoding {
        case .plain(let bytes): bytes.count
        case .strings(let list): list.joined.count + list.ends.storedByteCount
        case .affine(let affine): affine.codes.count + affine.scale.storedByteCount + (affine.zeroPoint?.storedByteCount ?? 0)
        case .palette(let palette): palette.indices.count + palette.table.storedByteCount
        case .bitmask(let bitmask): bitmask.mask.count + bitmask.values.storedByteCount
        case .gaps(let gaps): gaps.gaps.count + gaps.values.storedByteCount
        case .transposed: 0
        }
    }
}

extension Inspection.TensorRow {
    init(_ tensor: Tensor, byteCount: Int, at place: Place) {
        self.init(
            name: tensor.name, place: place.around, elementType: tensor.elementType, dims: tensor.dims, encoding: tensor.storedAs.name,
            byteCount: byteCount)
    }
}
