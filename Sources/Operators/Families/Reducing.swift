internal import Tensors

/// What a reduction does to a set of numbers: each becomes a term, terms are combined two by two, the result is finished.
/// `A` is what is computed in: the number type itself or Double.
protocol ReductionRule: Sendable {
    /// True: floats are computed as Double, integers as themselves. False: all as themselves.
    static var isWide: Bool { get }
    static func identity<A: Number>(_ type: A.Type) -> A
    static func term<A: Number>(_ x: A) -> A
    static func combine<A: Number>(_ a: A, _ b: A) -> A
    /// The result for `count` elements.
    static func finish<A: Number>(_ a: A, _ count: Int) -> A
}

extension ReductionRule {
    static var isWide: Bool { true }
    @inline(__always) static func term<A: Number>(_ x: A) -> A { x }
    @inline(__always) static func finish<A: Number>(_ a: A, _ count: Int) -> A { a }
}

/// The reduced axes of a tensor, neighbours that are treated alike merged.
struct ReductionShape {
    /// Sizes of the merged axes, at least one.
    private(set) var sizes: [Int] = []
    private(set) var isReduced: [Bool] = []
    /// Dims of the result.
    let dims: [Int]
    /// Elements per result.
    let reducedCount: Int
    let resultCount: Int

    init(_ dims: [Int], axes: Set<Int>, keepDims: Bool) throws {
        for (axis, size) in dims.enumerated() {
            if isReduced.last == axes.contains(axis) { sizes[sizes.count - 1] *= size } else {
                sizes.append(size)
                isReduced.append(axes.contains(axis))
            }
        }
        if sizes.isEmpty { (sizes, isReduced) = ([1], [false]) }
        self.dims = dims.indices.compactMap { axes.contains($0) ? (keepDims ? 1 : nil) : dims[$0] }
        guard let result = elementCount(of: self.dims), let reduced = elementCount(of: dims.indices.map { axes.contains($0) ? dims[$0] : 1 }) else {
            throw ModelError(.limit, "\(dims) is too large for a tensor")
        }
        (resultCount, reducedCount) = (result, reduced)
    }

    /// Calls `body` for each row of the last merged axis, with the row's offset and that of the result it goes to.
    @inline(__always)
    func forEachRow(_ body: (_ offset: Int, _ result: Int) -> Void) {
        guard resultCount > 0, reducedCount > 0 else { return }
        let outer = sizes.count - 1, length = sizes[outer]
        var steps = [Int](repeating: 0, count: sizes.count), step = 1
        for axis in sizes.indices.reversed() where !isReduced[axis] {
            steps[axis] = step
            step *= sizes[axis]
        }
        var index = [Int](repeating: 0, count: outer), offset = 0, result = 0
        while true {
            body(offset, result)
            offset += length
            var axis = outer - 1
            while axis >= 0 {
                index[axis] += 1
                result += steps[axis]
                if index[axis] < sizes[axis] { break }
                result -= steps[axis] * sizes[axis]
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}

extension Call {
    /// Input 0 and what of it is reduced: `axes` is an attribute, from operator set `inputSince` on an input.
    func reduction(inputSince: Int = 18) throws -> (Tensor, ReductionShape) {
        let input = try tensor(0), rank = input.dims.count
        let given = try opset >= inputSince ? ints(1) : ints("axes")
        let chosen: Set<Int>
        if let given, !given.isEmpty {
            chosen = Set(try axes(given, rank: rank))
        } else {
            chosen = try opset >= inputSince && bool("noop_with_empty_axes") ? [] : Set(0..<rank)
        }
        let shape = try ReductionShape(input.dims, axes: chosen, keepDims: bool("keepdims", true))
        // An input without elements can have a result with very many.
        guard let size = checkedMultiply(shape.resultCount, 8) else { throw ModelError(.limit, "\(shape.dims) is too large for a tensor") }
        try environment.checkAllocation(size)
        return (input, shape)
    }

    func reduce<R: ReductionRule>(_ rule: R.Type, inputSince: Int = 18) throws -> [Value?] {
        let (input, shape) = try reduction(inputSince: inputSince)
        if input.elementType == .bool { return [.tensor(try reduceBools(input, shape, rule))] }
        return [.tensor(try input.elementType.withNumbers(ReduceWork<R>(input: input, shape: shape)))]
    }

    /// False below true; of none the least or the greatest of the two.
    private func reduceBools<R: ReductionRule>(_ input: Tensor, _ shape: ReductionShape, _ rule: R.Type) throws -> Tensor {
        let numbers = try reduced(input.elements(as: UInt8.self), rule, shape) { $0 == 0 ? 0 : 1 as UInt8 }, result = try NewElements<UInt8>(numbers.count)
        fill(result, from: try numbers.finished) { min($0, 1) }
        return result.tensor(.bool, shape.dims)
    }
}

private struct ReduceWork<R: ReductionRule>: NumberWork {
    let input: Tensor
    let shape: ReductionShape

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input)
        if R.isWide, input.elementType.isReal {
            let sums = try reduced(source, R.self, shape) { $0.asDouble }, result = try NewElements<T>(sums.count)
            fill(result, from: try sums.finished) { T(nearest: $0) }
            return try T.tensor(result, input.elementType, shape.dims)
        }
        return try T.tensor(reduced(source, R.self, shape) { $0 }, input.elementType, shape.dims)
    }
}

/// The results of a rule, computed as `A`.
@inline(__always)
func reduced<T: Number, A: Number, R: ReductionRule>(
    _ source: Elements<T>, _ rule: R.Type, _ shape: ReductionShape, _ convert: (T) -> A
) throws -> NewElements<A> {
    let result = try NewElements<A>(shape.resultCount, filledWith: R.identity(A.self))
    let length = shape.sizes[shape.sizes.count - 1], reducesRows = shape.isReduced[shape.sizes.count - 1]
    unsafe source.withUnsafeBuffer { source in
        unsafe result.withUnsafeBuffer { result in
            shape.forEachRow { offset, at in
                if reducesRows {
                    let row = unsafe UnsafeBufferPointer(rebasing: source[offset..<offset + length])
                    unsafe result[at] = R.combine(result[at], reducedRow(row, rule, convert))
                } else {
                    for index in 0..<length { unsafe result[at + index] = R.combine(result[at + index], R.term(convert(source[offset + index]))) }
                }
            }
            for index in 0..<result.count { unsafe result[index] = R.finish(result[index], shape.reducedCount) }
        }
    }
    return result
}

/// One row in four strands, which do not wait for each other.
@inline(__always)
private func reducedRow<T: Number, A: Number, R: ReductionRule>(_ row: UnsafeBufferPointer<T>, _ rule: R.Type, _ convert: (T) -> A) -> A {
    var a = R.identity(A.self), b = a, c = a, d = a, index = 0
    while index + 4 <= row.count {
        unsafe a = R.combine(a, R.term(convert(row[index])))
        unsafe b = R.combine(b, R.term(convert(row[index + 1])))
        unsafe c = R.combine(c, R.term(convert(row[index + 2])))
        unsafe d = R.combine(d, R.term(convert(row[index + 3])))
        index += 4
    }
    while index < row.count {
        unsafe a = R.combine(a, R.term(convert(row[index])))
        index += 1
    }
    return R.combine(R.combine(a, b), R.combine(c, d))
}
