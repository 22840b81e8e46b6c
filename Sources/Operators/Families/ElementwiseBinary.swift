internal import Tensors

/// A number made of two.
protocol NumberCombination: Sendable {
    func apply<T: Number>(_ a: T, _ b: T) -> T
}

/// An integer made of two.
protocol IntegerCombination: Sendable {
    func apply<T: Number & FixedWidthInteger>(_ a: T, _ b: T) -> T
}

/// A question about two numbers.
protocol NumberComparison: Sendable {
    func apply<T: Number>(_ a: T, _ b: T) -> Bool
}

/// Two operands and the dims that they have together.
struct Operands: Sendable {
    let a: Tensor
    let b: Tensor
    let broadcast: Broadcast

    /// `function` of each pair of elements, which are given as they lie in memory.
    @inline(__always)
    func combine<A: Element, B: Element, R: Element>(_ x: Elements<A>, _ y: Elements<B>, _ function: (A, B) -> R) throws -> NewElements<R> {
        let result = try NewElements<R>(broadcast.count), rows = BroadcastRows(broadcast, [a.dims, b.dims])
        unsafe x.withUnsafeBuffer { x in
            unsafe y.withUnsafeBuffer { y in
                unsafe result.withUnsafeBuffer { result in
                    guard let x = x.baseAddress, let y = y.baseAddress, let result = result.baseAddress else { return }
                    rows.forEach { offset, operands in
                        unsafe combineRow(x + operands[0], rows.steps[0], y + operands[1], rows.steps[1], result + offset, rows.length, function)
                    }
                }
            }
        }
        return result
    }
}

@inline(__always)
private func combineRow<A, B, R>(
    _ a: UnsafePointer<A>, _ stepA: Int, _ b: UnsafePointer<B>, _ stepB: Int, _ result: UnsafeMutablePointer<R>, _ count: Int,
    _ function: (A, B) -> R
) {
    switch (stepA, stepB) {
    case (0, 0):
        let value = unsafe function(a[0], b[0])
        for index in 0..<count { unsafe result[index] = value }
    case (0, _):
        let x = unsafe a[0]
        for index in 0..<count { unsafe result[index] = function(x, b[index]) }
    case (_, 0):
        let y = unsafe b[0]
        for index in 0..<count { unsafe result[index] = function(a[index], y) }
    default:
        for index in 0..<count { unsafe result[index] = function(a[index], b[index]) }
    }
}

extension Call {
    /// Inputs 0 and 1 broadcast. Before operator set 7 only where `broadcast` is set, with input 1 placed at `axis` of input 0.
    func operands(sameType: Bool = true) throws -> Operands {
        let a = try tensor(0)
        var b = try tensor(1)
        if sameType { try checkSameType(a, b) }
        if opset < 7 { b = try placed(b, on: a) }
        let broadcast = try Broadcast([a.dims, b.dims])
        try checkResult(broadcast, a.elementType)
        return Operands(a: a, b: b, broadcast: broadcast)
    }

    /// Throws if a result of that size would pass the limit of memory.
    func checkResult(_ broadcast: Broadcast, _ type: ElementType) throws {
        guard let size = checkedMultiply(broadcast.count, max(1, (type.bitWidth ?? 8) / 8)) else {
            throw ModelError(.limit, "\(broadcast.dims) is too large for a tensor")
        }
        try environment.checkAllocation(size)
    }

    private func placed(_ b: Tensor, on a: Tensor) throws -> Tensor {
        guard try bool("broadcast") else {
            guard a.dims == b.dims else {
                throw ModelError(.invalidGraph, "the inputs have dims \(a.dims) and \(b.dims), which without attribute 'broadcast' must be equal")
            }
            return b
        }
        if b.elementCount == 1 { return b.reshaped([]) }
        let start = try axis(try int("axis") ?? a.dims.count - b.dims.count, rank: max(a.dims.count, 1))
        // The text asks for equal dims; exporters wrote ones, too.
        guard start + b.dims.count <= a.dims.count, zip(a.dims[start...], b.dims).allSatisfy({ $0 == $1 || $1 == 1 }) else {
            throw ModelError(.invalidGraph, "input 1 of dims \(b.dims) does not fit \(a.dims) from axis \(start) on")
        }
        return b.reshaped(b.dims + [Int](repeating: 1, count: a.dims.count - start - b.dims.count))
    }

    /// `function` of inputs 0 and 1.
    func combine(_ function: some NumberCombination) throws -> [Value?] {
        let operands = try operands()
        return [.tensor(try operands.a.elementType.withNumbers(Combining(operands: operands, function: function)))]
    }

    /// The same for integers only.
    func combineIntegers(_ function: some IntegerCombination) throws -> [Value?] {
        let operands = try operands()
        return [.tensor(try operands.a.elementType.withIntegers(CombiningIntegers(operands: operands, function: function)))]
    }

    /// `comparison` of inputs 0 and 1 as BOOL. BOOL inputs are compared as 0 and 1.
    func compare(_ comparison: some NumberComparison) throws -> [Value?] {
        let operands = try operands()
        let type = operands.a.elementType == .bool ? .uint8 : operands.a.elementType
        return [.tensor(try type.withNumbers(Comparing(operands: operands, comparison: comparison)))]
    }

    /// A function of two BOOLs.
    func combineBools(_ function: (Bool, Bool) -> Bool) throws -> [Value?] {
        let operands = try operands()
        guard operands.a.elementType == .bool else { throw ModelError(.invalidGraph, "the inputs are \(operands.a.elementType), BOOL is needed") }
        let x = try operands.a.elements(as: UInt8.self), y = try operands.b.elements(as: UInt8.self)
        let result = try operands.combine(x, y) { function($0 != 0, $1 != 0) ? 1 : 0 as UInt8 }
        return [.tensor(result.tensor(.bool, operands.broadcast.dims))]
    }

    /// All inputs, broadcast, folded from the first on; `finish` gets the result and the number of inputs.
    func fold(_ function: some NumberCombination, finish: some NumberCombination = First()) throws -> [Value?] {
        let tensors = try inputs.indices.map { try tensor($0) }
        guard let first = tensors.first else { throw ModelError(.invalidGraph, "there are no inputs, at least one is needed") }
        for other in tensors.dropFirst() { try checkSameType(first, other) }
        try checkResult(Broadcast(tensors.map(\.dims)), first.elementType)
        return [.tensor(try first.elementType.withNumbers(Folding(tensors: tensors, function: function, finish: finish)))]
    }
}

/// Leaves a folded result as it is.
struct First: NumberCombination {
    @inline(__always)
    func apply<T: Number>(_ a: T, _ b: T) -> T { a }
}

private struct Combining<F: NumberCombination>: NumberWork {
    let operands: Operands
    let function: F

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        let x = try T.elements(of: operands.a), y = try T.elements(of: operands.b)
        let result = try operands.combine(x, y) { function.apply($0, $1) }
        return try T.tensor(result, operands.a.elementType, operands.broadcast.dims)
    }
}

private struct CombiningIntegers<F: IntegerCombination>: IntegerWork {
    let operands: Operands
    let function: F

    func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Tensor {
        let x = try operands.a.elements(as: T.self), y = try operands.b.elements(as: T.self)
        return try operands.combine(x, y) { function.apply($0, $1) }.tensor(operands.a.elementType, operands.broadcast.dims)
    }
}

private struct Comparing<C: NumberComparison>: NumberWork {
    let operands: Operands
    let comparison: C

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        let x = try T.elements(of: operands.a), y = try T.elements(of: operands.b)
        return try operands.combine(x, y) { comparison.apply($0, $1) ? 1 : 0 as UInt8 }.tensor(.bool, operands.broadcast.dims)
    }
}

private struct Folding<F: NumberCombination, G: NumberCombination>: NumberWork {
    let tensors: [Tensor]
    let function: F
    let finish: G

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        var shape = tensors[0], sum = try T.elements(of: tensors[0])
        for next in tensors.dropFirst() {
            let operands = Operands(a: shape, b: next, broadcast: try Broadcast([shape.dims, next.dims]))
            sum = try operands.combine(sum, T.elements(of: next)) { function.apply($0, $1) }.finished
            // Only the dims are looked at again.
            shape = Tensor(shape.elementType, dims: operands.broadcast.dims, bytes: .empty)
        }
        let count = T(nearest: Double(tensors.count)), result = try NewElements<T>(sum.count)
        fill(result, from: sum) { finish.apply($0, count) }
        return try T.tensor(result, shape.elementType, shape.dims)
    }
}
