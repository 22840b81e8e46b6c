internal import CKernels
internal import Operators
internal import Tensors

/// Coded weights as the right operand of a product: [k, n].
struct CodedMatrix {
    let weights: CodedWeights
    private let depth: Int
    private let columns: Int
    /// Codes from step to step, and from column to column. A convolution's steps are its taps, and within each its channels.
    private let steps: (k: Int, n: Int)
    private let inner: (count: Int, outerStep: Int)
    private let grid: thimble_codes_grid
    private let group: Int
    private let kind: thimble_codes_kind
    /// The slowest axis of the weights, and whether it is that of the columns.
    private let slowest: (axis: Int, isColumns: Bool)
    private let zeros: [Float]
    /// The zero point of all cells, if they share one that is an integer and kernels can take it from codes beforehand.
    private let shared: Int?
    /// Where the matrix begins among codes and cells.
    private var origin = (code: 0, cell: 0)

    /// A matrix of the last two axes of weights of three, [directions, n, k].
    init?(_ weights: CodedWeights, direction: Int) {
        guard weights.dims.count == 3 else { return nil }
        self.init(weights, depth: 2, columns: 1, inner: (0, 0))
        origin = (direction * weights.steps[0], direction / max(1, weights.block[0]) * weights.cellSteps[0])
    }

    /// A matrix of two axes of the weights; nil if others are not 1, or if cells do not suit kernels.
    init?(_ weights: CodedWeights, depth k: Int, columns n: Int) {
        guard weights.dims.indices.allSatisfy({ $0 == k || $0 == n || weights.dims[$0] == 1 }) else { return nil }
        self.init(weights, depth: k, columns: n, inner: (0, 0))
    }

    /// The weights of a convolution, [output channels, channels, spatial…], whose taps are read one after the other.
    init?(convolution weights: CodedWeights) {
        guard weights.dims.count >= 3 else { return nil }
        let isPoint = weights.dims[2...].allSatisfy { $0 == 1 }
        guard isPoint || weights.dims.indices.dropFirst().allSatisfy({ weights.block[$0] == weights.dims[$0] }) else { return nil }
        self.init(weights, depth: 1, columns: 0, inner: isPoint ? (0, 0) : (weights.dims[1], 1))
    }

    private init?(_ weights: CodedWeights, depth k: Int, columns n: Int, inner: (count: Int, outerStep: Int)) {
        self.weights = weights
        self.inner = inner
        columns = weights.dims[n]
        depth = inner.count == 0 ? weights.dims[k] : weights.elementCount / columns
        steps = (weights.steps[k], weights.steps[n])
        let isWhole = weights.block[k] >= weights.dims[k]
        group = isWhole ? depth : weights.block[k]
        grid = thimble_codes_grid(k_step: isWhole ? 0 : weights.cellSteps[k], n_step: weights.block[n] >= columns ? 0 : weights.cellSteps[n], columns: weights.block[n])
        slowest = steps.n >= steps.k ? (n, true) : (k, false)
        guard depth > 0, columns > 0, let zeros = try? weights.zeros() else { return nil }
        self.zeros = zeros
        shared = Self.shared(zeros, weights)
        switch weights.form {
        case .palette: kind = grid.k_step == 0 && grid.n_step == 0 ? THIMBLE_CODES_TABLE : THIMBLE_CODES_TABLES
        case .affine: kind = group == 1 && depth > 1 ? THIMBLE_CODES_STEPS : THIMBLE_CODES_AFFINE
        }
        // Every group begins a word; where each step has its own scale, columns share it.
        guard kind == THIMBLE_CODES_STEPS ? grid.n_step == 0 : group >= min(depth, 8) else { return nil }
    }

    private static func shared(_ zeros: [Float], _ weights: CodedWeights) -> Int? {
        guard let first = zeros.first, let zero = Int(exactly: first), zeros.allSatisfy({ $0 == first }) else { return nil }
        let low = weights.isSigned ? -(1 << (weights.bits - 1)) : 0, high = low + (1 << weights.bits) - 1
        // What codes are packed in; wide ones that do not fit lie apart.
        let held = weights.bits <= 2 ? 2 : weights.bits <= 4 ? 4 : weights.bits <= 8 ? 8 : 17
        return low - zero >= -(1 << (held - 1)) && high - zero < 1 << (held - 1) ? zero : nil
    }

    /// Describes the weights to a kernel. False if they would take more than half of what their numbers do: few codes with many tables.
    func describe(_ kernel: inout thimble_codes) -> Bool {
        (unsafe kernel.family, unsafe kernel.n, unsafe kernel.k) = (thimble_processor(), columns, depth)
        unsafe (kernel.kind, kernel.bits, kernel.group) = (kind, UInt32(weights.bits), group)
        unsafe (kernel.zeros, kernel.narrow) = (!zeros.isEmpty && shared == nil, weights.bits > 8 && shared != nil && kind == THIMBLE_CODES_AFFINE)
        // Steps have no 8 bits to be packed in.
        if weights.bits > 8, kind == THIMBLE_CODES_STEPS { return false }
        unsafe thimble_codes_prepare(&kernel)
        return unsafe thimble_codes_pack_size(&kernel) <= columns * depth * 2 + 4096
    }

    /// True if weights can be multiplied by one number per column before they are rounded to codes' scales.
    var takesFactors: Bool { kind == THIMBLE_CODES_AFFINE }

    /// True if a part of the columns from that one on is a matrix in codes too.
    func cutsColumns(at column: Int) -> Bool { grid.n_step == 0 || column % max(1, grid.columns) == 0 }

    /// So many codes do not fit into 8 bits.
    private struct DoesNotFit: Error {
        let count: Int
    }

    /// The packed form, once per session. Its weights are multiplied by `factor`, and by `factors`, one per column. Where too many wide codes
    /// do not fit into 8 bits, the kernel gets another description.
    func packed(_ kernel: inout thimble_codes, factor: Float = 1, factors: [Float]? = nil, _ compiler: Compiler) throws -> PackedWeights {
        let form = [9, depth, columns, steps.k, steps.n, inner.count, Int(factor.bitPattern)] + (factors ?? []).map { Int($0.bitPattern) }
        func key(isNarrow: Bool) -> PackCache.Key? {
            weights.identities.isEmpty ? nil : PackCache.Key(constants: weights.identities, form: [isNarrow ? 1 : 0] + form)
        }
        if unsafe kernel.narrow {
            if let known = compiler.packs.find(key(isNarrow: false)) {
                unsafe widen(&kernel)
                return known
            }
            do { return try unsafe make(&kernel, key(isNarrow: true), factor, factors, compiler) } catch let error as DoesNotFit {
                // Each takes 12 bytes: one of 24 is half a byte for every code.
                guard error.count > columns * depth / 24 else {
                    unsafe kernel.room = error.count
                    return try unsafe make(&kernel, key(isNarrow: true), factor, factors, compiler)
                }
                unsafe widen(&kernel)
            }
        }
        return try unsafe make(&kernel, key(isNarrow: false), factor, factors, compiler)
    }

    private func widen(_ kernel: inout thimble_codes) {
        unsafe (kernel.narrow, kernel.zeros) = (false, true)
        unsafe thimble_codes_prepare(&kernel)
    }

    private func make(_ kernel: inout thimble_codes, _ key: PackCache.Key?, _ factor: Float, _ factors: [Float]?, _ compiler: Compiler) throws -> PackedWeights {
        try unsafe withUnsafePointer(to: kernel) { kernel in
            try compiler.batch.made(key, byteCount: unsafe thimble_codes_pack_size(kernel)) { memory in
                // posix_memalign gave it a base.
                try unsafe pack(kernel, factor, factors, into: memory.bytes.baseAddress!)
            }
        }
    }

    private func pack(_ kernel: UnsafePointer<thimble_codes>, _ factor: Float, _ factors: [Float]?, into memory: UnsafeMutableRawPointer) throws {
        try unsafe withSource(kernel.pointee, factor, factors) { source in
            unsafe thimble_codes_pack_begin(kernel, &source, memory)
            // Words of one column are whole within a part.
            let multiple = slowest.isColumns ? 64 : group == depth ? 16 : group
            try unsafe weights.forEachPart(axis: slowest.axis, multiple: multiple) { codes, first, part in
                unsafe (source.codes, source.size, source.first) = (codes.baseAddress?.assumingMemoryBound(to: UInt8.self), codes.count, first)
                let (k, n) = slowest.isColumns ? (0..<depth, part) : (part, 0..<columns)
                unsafe thimble_codes_pack_part(kernel, &source, k.lowerBound, k.upperBound, n.lowerBound, n.upperBound, memory)
            }
            guard unsafe thimble_codes_pack_end(kernel, memory) else { throw DoesNotFit(count: Int(unsafe thimble_codes_unfit(kernel, memory))) }
        }
    }

    /// Lends the matrix as a kernel packs it, all codes at once: for small ones.
    func withWholeSource<R>(_ kernel: thimble_codes, _ body: (UnsafePointer<thimble_codes_source>) throws -> R) throws -> R {
        try unsafe weights.codes.withUnsafeBytes { codes in
            try unsafe withSource(kernel, 1, nil) { source in
                unsafe (source.codes, source.size) = (codes.baseAddress?.assumingMemoryBound(to: UInt8.self), codes.count)
                // Counted back: the kernel's numbers wrap around.
                unsafe source.first = Int(bitPattern: 0 &- UInt(bitPattern: origin.code))
                return try unsafe withUnsafePointer(to: &source) { try unsafe body($0) }
            }
        }
    }

    /// A description of the matrix without its codes.
    private func withSource<R>(_ kernel: thimble_codes, _ factor: Float, _ factors: [Float]?, _ body: (inout thimble_codes_source) throws -> R) throws -> R {
        var numbers = try weights.numbers(), grid = grid
        if factor != 1 { for index in numbers.indices { numbers[index] *= factor } }
        if let factors {
            let groups = ceilDivide(depth, group), old = numbers, from = self.grid
            numbers = (0..<columns * groups).map { old[$0 % groups * from.k_step + $0 / groups / max(1, from.columns) * from.n_step] * factors[$0 / groups] }
            grid = thimble_codes_grid(k_step: 1, n_step: groups, columns: 1)
        }
        let origin = origin.cell, tables = kind == THIMBLE_CODES_TABLE || kind == THIMBLE_CODES_TABLES
        return try unsafe numbers.withUnsafeBufferPointer { numbers in
            try unsafe zeros.withUnsafeBufferPointer { zeros in
                var source = unsafe thimble_codes_source()
                unsafe (source.k_step, source.n_step, source.k_inner, source.k_outer) = (steps.k, steps.n, inner.count, inner.outerStep)
                let first = unsafe numbers.baseAddress.map { unsafe $0 + (tables ? origin << weights.bits : origin) }
                unsafe (source.is_signed, source.scale, source.table) = (weights.isSigned, first, first)
                let middle = weights.isSigned ? 0 : 1 << (weights.bits - 1)
                unsafe source.pivot = unsafe Int32(kernel.zeros ? middle : shared ?? middle)
                unsafe source.zero = zeros.baseAddress.flatMap { zeros.isEmpty ? nil : unsafe $0 + origin }
                unsafe (source.scale_grid, source.zero_grid, source.table_grid) = (grid, self.grid, grid)
                return try unsafe body(&source)
            }
        }
    }
}
