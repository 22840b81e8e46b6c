package import Tensors

extension SparseTensor {
    /// All elements, those that are not stored being zero. Throws `.limit` if they take more than `maximumBytes`, and
    /// `.invalidGraph` if an index lies outside the dims or is not above the one before it.
    package func dense(maximumBytes: Int) throws -> Tensor {
        guard let values, let indices else { throw ModelError(.invalidGraph, "a sparse tensor without \(values == nil ? "values" : "indices")") }
        let type = values.elementType
        guard let bits = type.bitWidth, bits % 8 == 0 else {
            throw ModelError(.unsupported, "a sparse tensor of \(type); types of whole bytes can be run")
        }
        guard let count = elementCount(of: dims), let size = type.byteCount(elements: count), size <= maximumBytes else {
            throw ModelError(.limit, "a sparse tensor of dims \(dims) is larger than the limit of \(printable(bytes: maximumBytes))")
        }
        let memory = try OwnedMemory(byteCount: size)
        unsafe memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let places = try linearIndices(indices, stored: values.elementCount ?? 0, count: count)
        let width = bits / 8
        try unsafe values.plainBytes().withUnsafeBytes { bytes in
            for (index, place) in places.enumerated() {
                let source = unsafe UnsafeRawBufferPointer(rebasing: bytes[index * width..<(index + 1) * width])
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[place * width..<(place + 1) * width]).copyMemory(from: source)
            }
        }
        return Tensor(name: values.name, type, dims: dims, bytes: TensorBytes(memory))
    }

    private func linearIndices(_ indices: Tensor, stored: Int, count: Int) throws -> [Int] {
        guard indices.elementType == .int64, indices.dims == [stored] || indices.dims == [stored, dims.count] else {
            throw ModelError(.invalidGraph, "\(stored) stored values of dims \(dims) have indices \(indices.elementType)\(indices.dims)")
        }
        let elements = try indices.elements(as: Int64.self)
        let perIndex = indices.dims.count == 1 ? 1 : dims.count
        let sizes = indices.dims.count == 1 ? [count] : dims
        var places: [Int] = []
        places.reserveCapacity(stored)
        for index in 0..<stored {
            var place = 0
            for axis in 0..<perIndex {
                let at = Int(elements[index * perIndex + axis])
                guard at >= 0, at < sizes[axis] else { throw ModelError(.invalidGraph, "index \(at) of a sparse tensor lies outside of 0 to \(sizes[axis] - 1)") }
                place = place * sizes[axis] + at
            }
            if let last = places.last, place <= last { throw ModelError(.invalidGraph, "indices of a sparse tensor do not ascend: \(place) after \(last)") }
            places.append(place)
        }
        return places
    }
}
