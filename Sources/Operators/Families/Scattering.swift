internal import ModelGraph
internal import Tensors

/// How an update meets what it finds.
enum Reduction: String {
    case none, add, mul, max, min

    init(_ call: Call) throws {
        let text = try call.string("reduction", "none")
        guard let value = Reduction(rawValue: text) else {
            throw ModelError(.invalidGraph, "reduction is '\(printable(text))', none, add, mul, max or min is needed")
        }
        self = value
    }
}

/// Numbers that updates can be combined with. Integers wrap around.
protocol Combinable: Element {
    static func sum(_ a: Self, _ b: Self) -> Self
    static func product(_ a: Self, _ b: Self) -> Self
    static func upper(_ a: Self, _ b: Self) -> Self
    static func lower(_ a: Self, _ b: Self) -> Self
}

extension Combinable where Self: FixedWidthInteger {
    static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
    static func product(_ a: Self, _ b: Self) -> Self { a &* b }
    static func upper(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
    static func lower(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
}

/// A NaN stays.
extension Combinable where Self: BinaryFloatingPoint {
    static func sum(_ a: Self, _ b: Self) -> Self { a + b }
    static func product(_ a: Self, _ b: Self) -> Self { a * b }
    static func upper(_ a: Self, _ b: Self) -> Self { a > b || a.isNaN ? a : b }
    static func lower(_ a: Self, _ b: Self) -> Self { a < b || a.isNaN ? a : b }
}

extension Float: Combinable {}
extension Double: Combinable {}
extension Int8: Combinable {}
extension Int16: Combinable {}
extension Int32: Combinable {}
extension Int64: Combinable {}
extension UInt8: Combinable {}
extension UInt16: Combinable {}
extension UInt32: Combinable {}
extension UInt64: Combinable {}

extension Tensor {
    /// These elements, but where a block of `updates` goes: block i, of `block` elements, to `offsets[i]`, which was checked.
    func scattering(_ updates: Tensor, to offsets: [Int], block: Int, _ reduction: Reduction, _ call: Call) throws -> Tensor {
        guard reduction != .none else {
            var mover = try CellMover(call, elementType)
            let source = try mover.cells(self), changes = try mover.cells(updates, "the updates")
            let result = try mover.newCells(dims)
            result.copy(dims, from: source, Stepping(steps: denseStrides(dims)), to: Stepping(steps: denseStrides(dims)))
            result.scatter(from: changes, to: offsets, block: block)
            return try mover.tensor(result)
        }
        guard updates.elementType == elementType else {
            throw ModelError(.invalidGraph, "the updates are \(updates.elementType), \(elementType) is needed as of the data")
        }
        if let size = plainByteCount { try call.environment.checkAllocation(size) }
        let work = Combination(data: self, updates: updates, offsets: offsets, block: block, reduction: reduction)
        switch elementType {
        case .float: return try work.run(Float.self)
        case .double: return try work.run(Double.self)
        case .float16, .bfloat16:
            let result = try work.combined(floats("the data"), updates.floats("the updates"), reduction)
            return try .rounding(result, to: elementType, dims)
        case .int64: return try work.run(Int64.self)
        case .uint64: return try work.run(UInt64.self)
        case .int32: return try work.run(Int32.self)
        case .uint32: return try work.run(UInt32.self)
        case .int16: return try work.run(Int16.self)
        case .uint16: return try work.run(UInt16.self)
        case .int8: return try work.run(Int8.self)
        case .uint8, .bool: return try work.run(UInt8.self)
        default: throw ModelError(.unsupported, "cannot combine elements of \(elementType)")
        }
    }
}

private struct Combination {
    let data: Tensor
    let updates: Tensor
    let offsets: [Int]
    let block: Int
    let reduction: Reduction

    func run<T: Combinable>(_ type: T.Type) throws -> Tensor {
        var reduction = reduction
        if data.elementType == .bool {
            // A sum of truths is true if one is, a product if all are.
            if reduction == .add { reduction = .max } else if reduction == .mul { reduction = .min }
        }
        return try combined(data.elements(as: T.self), updates.elements(as: T.self), reduction).tensor(data.elementType, data.dims)
    }

    func combined<T: Combinable>(_ old: Elements<T>, _ updates: Elements<T>, _ reduction: Reduction) throws -> NewElements<T> {
        let result = try NewElements<T>(old.count)
        unsafe result.withUnsafeBuffer { target in
            unsafe old.withUnsafeBuffer { unsafe _ = target.update(fromContentsOf: $0) }
            unsafe updates.withUnsafeBuffer { source in
                switch reduction {
                case .add: each { unsafe target[$0] = T.sum(target[$0], source[$1]) }
                case .mul: each { unsafe target[$0] = T.product(target[$0], source[$1]) }
                case .max: each { unsafe target[$0] = T.upper(target[$0], source[$1]) }
                case .min: each { unsafe target[$0] = T.lower(target[$0], source[$1]) }
                case .none: each { unsafe target[$0] = source[$1] }
                }
            }
        }
        return result
    }

    /// Calls `body` with the place in the data and the place in the updates of every pair that meets.
    @inline(__always)
    private func each(_ body: (Int, Int) -> Void) {
        var place = 0
        for offset in offsets {
            for index in 0..<block { body(offset + index, place + index) }
            place += block
        }
    }
}
