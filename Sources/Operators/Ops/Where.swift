package import Tensors

package enum Where: Inferring, Runnable {
    package static let name: Name = "Where"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let condition = try call.tensor(0), x = try call.tensor(1), y = try call.tensor(2), type = try call.commonType(1..<3)
        if let type = condition.elementType, type != .bool { throw ModelError(.invalidGraph, "the condition is \(condition), BOOL is needed") }
        let dims = try call.broadcast([condition.dims, x.dims, y.dims])
        guard let dims, dims.count <= 1, let a = x.integers ?? x.unknownIntegers, let b = y.integers ?? y.unknownIntegers, let c = condition.integers ?? condition.unknownIntegers,
            let count = Dim.product(dims).value, [a, b, c].allSatisfy({ $0.count == count || $0.count == 1 }), count <= Fact.integerLimit
        else { return [Fact(type, dims)] }
        func element(_ list: [Dim], _ index: Int) -> Dim { list[list.count == 1 ? 0 : index] }
        let chosen = (0..<count).map { index -> Dim in
            let (i, j) = (element(a, index), element(b, index))
            switch element(c, index) {
            case 1: return i
            case 0: return j
            default: return i.isSame(as: j) ? i : .unknown
            }
        }
        return [Fact(type, dims, integers: chosen)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let condition = try call.tensor(0), x = try call.tensor(1), y = try call.tensor(2)
        try call.checkSameType(x, y)
        guard condition.elementType == .bool else { throw ModelError(.invalidGraph, "the condition is \(condition.elementType), BOOL is needed") }
        let broadcast = try Broadcast([condition.dims, x.dims, y.dims])
        try call.checkResult(broadcast, x.elementType)
        let choice = Choice(condition: condition, x: x, y: y, broadcast: broadcast)
        return [.tensor(try choice.result())]
    }
}

private struct Choice {
    let condition: Tensor
    let x: Tensor
    let y: Tensor
    let broadcast: Broadcast

    func result() throws -> Tensor {
        switch x.elementType.bitWidth {
        case nil: return try chooseStrings()
        case 8: return try choose(UInt8.self)
        case 16: return try choose(UInt16.self)
        case 32: return try choose(UInt32.self)
        case 64: return try choose(UInt64.self)
        case 128: return try chooseHalves()
        default:
            let a = try x.unpackedElements(as: UInt8.self), b = try y.unpackedElements(as: UInt8.self)
            return try .packing(select(a, b, [condition.dims, x.dims, y.dims], broadcast), to: x.elementType, broadcast.dims)
        }
    }

    private func choose<T: Element>(_ type: T.Type) throws -> Tensor {
        try select(x.elements(as: T.self), y.elements(as: T.self), [condition.dims, x.dims, y.dims], broadcast).tensor(x.elementType, broadcast.dims)
    }

    /// COMPLEX128 as pairs.
    private func chooseHalves() throws -> Tensor {
        let shapes = [condition.dims + [1], x.dims + [2], y.dims + [2]]
        let result = try select(Elements<UInt64>(x.plainBytes()), Elements<UInt64>(y.plainBytes()), shapes, Broadcast(shapes))
        return Tensor(x.elementType, dims: broadcast.dims, bytes: TensorBytes(result.memory))
    }

    /// The numbers of the strings in both lists are chosen, then their strings.
    private func chooseStrings() throws -> Tensor {
        let a = try x.stringArray(), b = try y.stringArray()
        let first = try NewElements(a.indices.map { Int64($0) }).finished, second = try NewElements(b.indices.map { Int64(a.count + $0) }).finished
        let chosen = try select(first, second, [condition.dims, x.dims, y.dims], broadcast).finished
        return .stringTensor(chosen.map { Int($0) < a.count ? a[Int($0)] : b[Int($0) - a.count] }, dims: broadcast.dims)
    }

    private func select<T: Element>(_ a: Elements<T>, _ b: Elements<T>, _ shapes: [[Int]], _ broadcast: Broadcast) throws -> NewElements<T> {
        let result = try NewElements<T>(broadcast.count), rows = BroadcastRows(broadcast, shapes)
        let (stepC, stepA, stepB) = (rows.steps[0], rows.steps[1], rows.steps[2])
        try unsafe condition.elements(as: UInt8.self).withUnsafeBuffer { condition in
            unsafe a.withUnsafeBuffer { a in
                unsafe b.withUnsafeBuffer { b in
                    unsafe result.withUnsafeBuffer { result in
                        rows.forEach { offset, at in
                            for index in 0..<rows.length {
                                let isTrue = unsafe condition[at[0] + index * stepC] != 0
                                unsafe result[offset + index] = isTrue ? a[at[1] + index * stepA] : b[at[2] + index * stepB]
                            }
                        }
                    }
                }
            }
        }
        return result
    }
}
