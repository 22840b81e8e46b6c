package import Tensors

package enum Einsum: Inferring, Runnable {
    package static let name: Name = "Einsum"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let type = try call.commonType(call.inputs.indices), equation = try call.required("equation", call.string("equation"))
        guard !call.inputs.isEmpty else { throw ModelError(.invalidGraph, "at least one operand is needed") }
        let shapes = try call.inputs.indices.compactMap { try call.dims($0) }
        guard shapes.count == call.inputs.count else { return [Fact(type)] }
        return [Fact(type, try EinsteinSum.dims(equation, shapes))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        guard !call.inputs.isEmpty else { throw ModelError(.invalidGraph, "at least one operand is needed") }
        let operands = try call.inputs.indices.map { try call.tensor($0) }
        let type = operands[0].elementType
        guard operands.allSatisfy({ $0.elementType == type }) else { throw ModelError(.invalidGraph, "operands of several types; one is needed") }
        let shapes = operands.map(\.dims)
        let sum = try EinsteinSum(call.required("equation", call.string("equation")), shapes)
        let dims = sum.output.map { sum.sizes[$0] ?? 1 }
        func reals<T: RealElement>(_: T.Type) throws -> Tensor {
            try T.store(sum.run(call, operands.map { try T.load($0, "an operand") }, shapes), as: type, dims)
        }
        func integers<T: Multipliable>(_: T.Type) throws -> Tensor {
            try sum.run(call, operands.map { try $0.elements(as: T.self) }, shapes).tensor(type, dims)
        }
        switch type {
        case .float, .float16, .bfloat16: return [.tensor(try reals(Float.self))]
        case .double: return [.tensor(try reals(Double.self))]
        case .int8: return [.tensor(try integers(Int8.self))]
        case .int16: return [.tensor(try integers(Int16.self))]
        case .int32: return [.tensor(try integers(Int32.self))]
        case .int64: return [.tensor(try integers(Int64.self))]
        case .uint8: return [.tensor(try integers(UInt8.self))]
        case .uint16: return [.tensor(try integers(UInt16.self))]
        case .uint32: return [.tensor(try integers(UInt32.self))]
        case .uint64: return [.tensor(try integers(UInt64.self))]
        default: throw ModelError(.unsupported, "cannot sum products of \(type)")
        }
    }
}
