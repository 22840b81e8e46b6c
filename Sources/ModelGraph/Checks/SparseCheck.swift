internal import Tensors

extension SparseTensor {
    /// Bytes that the whole may take as plain values: beyond that no program could use it.
    static let maximumDenseByteCount = 1 << 38

    /// What breaks the rules of `SparseTensorProto`: which parts must be there, their shapes, and that indices lie within the
    /// dims and ascend strictly. Reads the indices piece by piece.
    var problem: String? {
        guard let values else { return "a sparse tensor needs values, there are none; export the model again" }
        guard values.dims.count == 1 else { return "values of a sparse tensor have one dimension, these have dims \(dimsText(values.dims))" }
        guard !dims.isEmpty, let count = Tensors.elementCount(of: dims) else {
            return "dims \(dimsText(dims)) of a sparse tensor must be at least one, none negative, and no more than 2^48 elements"
        }
        if let bytes = values.elementType.byteCount(elements: count), bytes > Self.maximumDenseByteCount {
            return "a sparse tensor of dims \(dimsText(dims)) takes \(printable(bytes: bytes)) when written out, "
                + "the limit is \(printable(bytes: Self.maximumDenseByteCount)); no program can use it"
        }
        let stored = values.dims[0]
        guard let indices else {
            return stored == 0 ? nil : "a sparse tensor of \(counted(stored, "value")) needs indices, there are none; export the model again"
        }
        guard indices.elementType == .int64 else { return "indices of a sparse tensor are INT64, these are \(indices.elementType)" }
        guard indices.dims == [stored] || indices.dims == [stored, dims.count] else {
            return "indices of \(counted(stored, "value")) in \(counted(dims.count, "dimension")) have dims [\(stored)] or [\(stored), \(dims.count)], "
                + "these have \(dimsText(indices.dims))"
        }
        guard case .plain(let bytes) = indices.encoding else { return nil }
        var walk = IndexWalk(dims: indices.dims.count == 1 ? [count] : dims)
        do {
            try bytes.forEachPiece { walk.read($0) }
        } catch {
            return "its indices cannot be read: \(error)"
        }
        return walk.problem
    }
}

/// Goes through indices, one row of `dims.count` numbers for each stored value.
private struct IndexWalk {
    let dims: [Int]
    var problem: String?
    private var row = 0
    private var column = 0
    private var position = 0
    private var last = -1

    init(dims: [Int]) { self.dims = dims }

    /// `piece` starts and ends between two numbers.
    mutating func read(_ piece: RawSpan) {
        var offset = 0
        while problem == nil, offset + 8 <= piece.byteCount {
            take(Int64(littleEndian: unsafe piece.unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self)))
            offset += 8
        }
    }

    private mutating func take(_ index: Int64) {
        guard index >= 0, index < dims[column] else {
            problem = "sparse index \(row) is \(index), it must lie in 0 to \(dims[column] - 1)"
            return
        }
        // Stays below the element count, which is at most 2^48.
        position = position * dims[column] + Int(index)
        column += 1
        guard column == dims.count else { return }
        if position <= last {
            problem = "sparse index \(row) is at or before the one in front of it, indices must ascend and be unique; export the model again"
        }
        (last, position, column) = (position, 0, 0)
        row += 1
    }
}
