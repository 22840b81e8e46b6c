package import Tensors

/// Tensors as layers of a larger one: what loops take apart and put together.
package enum TensorStack {
    /// Tensors of one type and shape joined along a new axis, which is `axis` of the result. `tensors` is not empty.
    package static func join(_ tensors: [Tensor], axis: Int, _ environment: any RunEnvironment) throws -> Tensor {
        guard let first = tensors.first else { throw ModelError(.internalFault, "nothing to stack") }
        for (index, tensor) in tensors.enumerated() where tensor.elementType != first.elementType || tensor.dims != first.dims {
            throw ModelError(
                .invalidGraph, "part 0 is \(first.elementType)\(first.dims), part \(index) is \(tensor.elementType)\(tensor.dims); they must be alike to be stacked")
        }
        guard axis >= 0, axis <= first.dims.count else {
            throw ModelError(.invalidGraph, "axis \(axis) of a stack of tensors of \(first.dims.count) dimensions; 0 to \(first.dims.count) exist")
        }
        var dims = first.dims
        dims.insert(tensors.count, at: axis)
        guard elementCount(of: dims) != nil else { throw ModelError(.limit, "\(dims) is too large for a tensor") }
        let outer = first.dims[..<axis].reduce(1, *)
        if first.elementType == .string {
            return try joinStrings(tensors, dims, outer: outer)
        }
        let size = try byteCount(first.elementType, first.dims)
        guard let total = checkedMultiply(size, tensors.count) else { throw ModelError(.limit, "\(dims) is too large for a tensor") }
        try environment.checkAllocation(total)
        let memory = try OwnedMemory(byteCount: total)
        let inner = outer == 0 ? 0 : size / outer
        for (index, tensor) in tensors.enumerated() where size > 0 {
            try unsafe tensor.plainBytes().withUnsafeBytes { bytes in
                for block in 0..<outer {
                    let target = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[(block * tensors.count + index) * inner..<(block * tensors.count + index + 1) * inner])
                    unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[block * inner..<(block + 1) * inner]))
                }
            }
        }
        return Tensor(first.elementType, dims: dims, bytes: TensorBytes(memory))
    }

    private static func joinStrings(_ tensors: [Tensor], _ dims: [Int], outer: Int) throws -> Tensor {
        let lists = try tensors.map { try strings($0) }
        let inner = outer == 0 ? 0 : (lists.first?.count ?? 0) / outer
        var joined: [[UInt8]] = []
        for block in 0..<outer { for list in lists { joined += list[block * inner..<(block + 1) * inner] } }
        return Tensor(.string, dims: dims, encoding: .strings(StringList(joined)))
    }

    /// Layer `index` of `axis`, without that axis. Both were checked.
    package static func layer(_ index: Int, of tensor: Tensor, axis: Int) throws -> Tensor {
        var dims = tensor.dims
        let count = dims.remove(at: axis), outer = dims[..<axis].reduce(1, *)
        if tensor.elementType == .string {
            let list = try strings(tensor), inner = outer == 0 ? 0 : list.count / count / outer
            var taken: [[UInt8]] = []
            for block in 0..<outer {
                let start = (block * count + index) * inner
                taken += list[start..<start + inner]
            }
            return Tensor(.string, dims: dims, encoding: .strings(StringList(taken)))
        }
        let size = try byteCount(tensor.elementType, dims)
        let bytes = try tensor.plainBytes()
        if outer == 1, bytes.isInPlace, size % 8 == 0 {
            return Tensor(tensor.elementType, dims: dims, bytes: bytes.slice(index * size..<(index + 1) * size))
        }
        let memory = try OwnedMemory(byteCount: size)
        let inner = outer == 0 ? 0 : size / outer
        try unsafe bytes.withUnsafeBytes { bytes in
            for block in 0..<outer {
                let source = unsafe UnsafeRawBufferPointer(rebasing: bytes[(block * count + index) * inner..<(block * count + index + 1) * inner])
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[block * inner..<(block + 1) * inner]).copyMemory(from: source)
            }
        }
        return Tensor(tensor.elementType, dims: dims, bytes: TensorBytes(memory))
    }

    /// A tensor of `dims` whose elements are all zero, or empty strings.
    package static func zeros(_ type: ElementType, _ dims: [Int], _ environment: any RunEnvironment) throws -> Tensor {
        guard let count = elementCount(of: dims) else { throw ModelError(.limit, "\(dims) is too large for a tensor") }
        if type == .string {
            try environment.checkAllocation(checkedMultiply(count, 8) ?? .max)
            return Tensor(type, dims: dims, encoding: .strings(StringList([[UInt8]](repeating: [], count: count))))
        }
        guard let size = type.byteCount(elements: count) else { throw ModelError(.unsupported, "a tensor of \(type)") }
        try environment.checkAllocation(size)
        let memory = try OwnedMemory(byteCount: size)
        unsafe memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return Tensor(type, dims: dims, bytes: TensorBytes(memory))
    }

    private static func strings(_ tensor: Tensor) throws -> [[UInt8]] {
        guard case .strings(let list) = tensor.encoding else { throw ModelError(.internalFault, "STRING values that are no list of strings") }
        return try list.strings()
    }

    /// Bytes of one layer, which must be whole.
    private static func byteCount(_ type: ElementType, _ dims: [Int]) throws -> Int {
        guard let count = elementCount(of: dims), let bits = type.bitWidth, let total = checkedMultiply(count, bits) else {
            throw ModelError(.unsupported, "a tensor of \(type)\(dims)")
        }
        guard total % 8 == 0 || dims.isEmpty && bits % 8 == 0 else {
            throw ModelError(.unsupported, "layers of \(type)\(dims) that begin within a byte")
        }
        return total / 8
    }
}
