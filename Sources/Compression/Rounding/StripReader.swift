internal import CKernels
internal import Tensors

/// Takes a weight apart into strips of rows as floats, and puts codes back where their weights were.
struct StripReader: Sendable {
    let view: WeightView
    private let elementType: ElementType
    private let bytes: TensorBytes
    private let width: Int

    /// Rows of one matrix of a weight.
    struct Strip: Sendable {
        let outer: Int
        let rows: Range<Int>
    }

    init(_ tensor: Tensor, _ view: WeightView) throws {
        self.view = view
        elementType = tensor.elementType
        width = tensor.elementType.storageWidth
        let plain = try tensor.plainBytes()
        if plain.isInPlace || view.isContiguous {
            bytes = plain
        } else {
            // Strips across the rows would inflate everything once for each.
            let memory = try OwnedMemory(byteCount: plain.count)
            try unsafe plain.read(0..<plain.count, into: memory.bytes)
            bytes = TensorBytes(memory)
        }
    }

    /// In order; about `size` weights each, a multiple of `lanes` rows where there are as many. Large strips leave memory when they are done with and come back as
    /// pages that are cleared; small ones stay.
    func strips(lanes: Int, size: Int = 1 << 18) -> [Strip] {
        let fitting = max(1, size / max(1, view.columns))
        // Across the rows a line of memory has 16 floats: fewer rows at a time would read it more than once.
        let least = view.rowStride == 1 ? 16 : 1
        let step = max(least, fitting >= lanes ? fitting / lanes * lanes : fitting)
        var strips: [Strip] = []
        for outer in 0..<view.outer {
            for start in stride(from: 0, to: view.rows, by: step) {
                strips.append(Strip(outer: outer, rows: start..<min(view.rows, start + step)))
            }
        }
        return strips
    }

    /// The rows of a strip, one behind the other.
    func floats(_ strip: Strip) throws -> [Float] {
        let count = strip.rows.count * view.columns
        if view.isContiguous {
            let first = (strip.outer * view.outerStride + strip.rows.lowerBound * view.rowStride) * width
            let range = first..<first + count * width
            defer { bytes.release(range) }
            return try unsafe bytes.slice(range).withUnsafeBytes { unsafe Self.convert($0, elementType, count) }
        }
        if elementType == .float {
            // Nothing to convert: one pass over memory less.
            return try unsafe bytes.withUnsafeBytes { source in
                unsafe [Float](unsafeUninitializedCapacity: count) { target, initialized in
                    unsafe move(strip, width: width, tensor: UnsafeMutableRawPointer(mutating: source.baseAddress!), strip: UnsafeMutableRawPointer(target.baseAddress!), isOut: false)
                    initialized = count
                }
            }
        }
        let gathered = try OwnedMemory(byteCount: count * width)
        try unsafe bytes.withUnsafeBytes { unsafe move(strip, width: width, tensor: UnsafeMutableRawPointer(mutating: $0.baseAddress!), strip: gathered.bytes.baseAddress!, isOut: false) }
        return unsafe Self.convert(UnsafeRawBufferPointer(gathered.bytes), elementType, count)
    }

    /// Lets the pages of a tensor that was read across its rows leave memory.
    func release() { bytes.release(0..<bytes.count) }

    /// Puts `codes`, the rows of a strip, at their places among the codes of all weights, of 1 or 2 bytes each.
    func store(_ codes: UnsafeRawBufferPointer, _ strip: Strip, width: Int, into all: UnsafeMutableRawBufferPointer) {
        guard let from = codes.baseAddress, let to = all.baseAddress else { return }
        if view.isContiguous {
            let first = (strip.outer * view.outerStride + strip.rows.lowerBound * view.rowStride) * width
            unsafe (to + first).copyMemory(from: from, byteCount: codes.count)
        } else {
            unsafe move(strip, width: width, tensor: to, strip: UnsafeMutableRawPointer(mutating: from), isOut: true)
        }
    }

    /// Copies a strip from the tensor, or to it.
    private func move(_ strip: Strip, width: Int, tensor: UnsafeMutableRawPointer, strip rows: UnsafeMutableRawPointer, isOut: Bool) {
        let start = unsafe tensor + (strip.outer * view.outerStride + strip.rows.lowerBound * view.rowStride) * width
        let count = strip.rows.count
        if view.tail == 1, view.rowStride == 1 {
            let matrix = unsafe start.assumingMemoryBound(to: UInt8.self), lines = unsafe rows.assumingMemoryBound(to: UInt8.self)
            if isOut {
                unsafe thimble_transpose(lines, count, view.lead, view.lead, matrix, view.leadStride, UInt32(width))
            } else {
                unsafe thimble_transpose(matrix, view.lead, count, view.leadStride, lines, view.lead, UInt32(width))
            }
            return
        }
        let length = view.tail * width
        for row in 0..<count {
            for column in 0..<view.lead {
                let place = unsafe start + (row * view.rowStride + column * view.leadStride) * width
                let line = unsafe rows + (row * view.lead + column) * length
                if isOut { unsafe place.copyMemory(from: line, byteCount: length) } else { unsafe line.copyMemory(from: place, byteCount: length) }
            }
        }
    }

    /// Elements `range` of plain values as floats.
    static func floats(_ bytes: TensorBytes, _ type: ElementType, _ range: Range<Int>) throws -> [Float] {
        let width = type.storageWidth
        return try unsafe bytes.slice(range.lowerBound * width..<range.upperBound * width).withUnsafeBytes { unsafe convert($0, type, range.count) }
    }

    private static func convert(_ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ count: Int) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: count) { target, initialized in
            initialized = count
            let part = unsafe UnsafeMutableBufferPointer(rebasing: target[..<count])
            if type == .double {
                for index in 0..<count {
                    unsafe part[index] = Float(Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))))
                }
            } else {
                unsafe FloatConversion.toFloat(bytes, type, into: part)
            }
        }
    }
}
