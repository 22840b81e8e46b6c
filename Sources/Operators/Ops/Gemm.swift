internal import ModelGraph
package import Tensors

package enum Gemm: Checkable, Inferring, Runnable {
    package static let name: Name = "Gemm"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        for input in 0..<2 {
            if let rank = node.rank(ofInput: input), rank != 2 {
                report.error("input \(input) has \(counted(rank, "dimension")), Gemm multiplies matrices of 2")
            }
        }
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        for index in 0..<2 {
            if let rank = try call.tensor(index).rank, rank != 2 { throw ModelError(.invalidGraph, "input \(index) is \(try call.tensor(index)), a matrix is needed") }
        }
        let (a, b) = (try call.dims(0), try call.dims(1)), type = try call.commonType(0..<3)
        let rows = try a.map { try $0[call.bool("transA") ? 1 : 0] } ?? .unknown, columns = try b.map { try $0[call.bool("transB") ? 0 : 1] } ?? .unknown
        return [Fact(type, try call.product(a, b, transposeA: call.bool("transA"), transposeB: call.bool("transB")) ?? [rows, columns])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let type = try call.tensor(0).elementType
        switch type {
        case .double: return try run(call, Double.load, Double.store)
        case .float, .float16, .bfloat16: return try run(call, Float.load, Float.store)
        case .int32: return try run(call, Int32.self)
        case .int64: return try run(call, Int64.self)
        case .uint32: return try run(call, UInt32.self)
        case .uint64: return try run(call, UInt64.self)
        default: throw ModelError(.unsupported, "cannot multiply matrices of \(type)")
        }
    }

    private static func run<T: Multipliable>(_ call: Call, _: T.Type) throws -> [Value?] {
        try run(call, { tensor, _ in try tensor.elements(as: T.self) }, { values, type, dims in values.tensor(type, dims) })
    }

    private static func run<T: Multipliable>(
        _ call: Call, _ load: (Tensor, String) throws -> Elements<T>, _ store: (NewElements<T>, ElementType, [Int]) throws -> Tensor
    ) throws -> [Value?] {
        let (a, b, c) = (try call.tensor(0), try call.tensor(1), try call.optionalTensor(2))
        guard a.dims.count == 2, b.dims.count == 2 else { throw ModelError(.invalidGraph, "cannot multiply \(a.dims) with \(b.dims): matrices are needed") }
        guard b.elementType == a.elementType, c == nil || c?.elementType == a.elementType else {
            throw ModelError(.invalidGraph, "matrices of \(a.elementType) and \(b.elementType): one type is needed")
        }
        let shape = try MatrixShape(a.dims, b.dims, transposeA: call.bool("transA"), transposeB: call.bool("transB"))
        let y = try call.newElements(shape.dims, T.self)
        try shape.multiply(load(a, "A"), load(b, "B"), into: y, threads: call.environment.threads)
        let alpha = try call.float("alpha", 1), beta = try call.float("beta", 1)
        if alpha != 1 { unsafe y.withPointer { for i in 0..<y.count { unsafe $0[i] = unsafe T.scaled($0[i], by: alpha) } } }
        if let c, beta != 0 { try add(load(c, "C"), c.dims, beta, to: y, shape.dims) }
        return [.tensor(try store(y, a.elementType, shape.dims))]
    }

    private static func add<T: Multipliable>(_ c: Elements<T>, _ dims: [Int], _ beta: Float, to y: NewElements<T>, _ shape: [Int]) throws {
        let broadcast = try Broadcast([shape, dims])
        guard broadcast.dims == shape else { throw ModelError(.invalidGraph, "C has dims \(dims), they must broadcast to \(shape)") }
        let strides = broadcast.strides(of: dims)
        unsafe y.withPointer { y in
            unsafe c.withPointer { c in
                for row in 0..<shape[0] {
                    let target = unsafe y + row * shape[1], source = unsafe c + row * strides[0]
                    for column in 0..<shape[1] { unsafe target[column] = unsafe T.plus(target[column], T.scaled(source[column * strides[1]], by: beta)) }
                }
            }
        }
    }
}
