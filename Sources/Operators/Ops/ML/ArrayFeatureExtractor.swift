package import Tensors

package enum ArrayFeatureExtractor: Inferring, Runnable {
    package static let name: Name = "ArrayFeatureExtractor"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0), count = try call.tensor(1).elementCount
        return [Fact(x.elementType, x.dims.map { ($0.count == 1 ? [1] : Array($0.dropLast())) + [count] })]
    }

    /// Elements of the last axis. A vector gives a matrix of one row, as in ONNX Runtime.
    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), indices = try call.tensor(1).integers("input 1")
        guard let width = x.dims.last else { throw ModelError(.invalidGraph, "the input is a scalar, at least one dimension is needed") }
        guard !indices.isEmpty else { throw ModelError(.invalidGraph, "input 1 has no indices, at least one is needed") }
        for index in indices where index < 0 || index >= width {
            throw ModelError(.invalidGraph, "input 1 has index \(index), the input has \(width) features")
        }
        let dims = (x.dims.count == 1 ? [1] : Array(x.dims.dropLast())) + [indices.count]
        let count = try call.room(for: dims, of: x.elementType)
        if x.elementType == .string {
            let rows = count / indices.count
            let picks = (0..<rows).flatMap { row in indices.map { row * width + $0 } }
            return [.tensor(try call.strings(x.stringElements("the input"), at: picks, dims: dims))]
        }
        switch x.elementType.bitWidth {
        case 8: return [.tensor(try pick(x, indices, width, dims, count, UInt8.self))]
        case 16: return [.tensor(try pick(x, indices, width, dims, count, UInt16.self))]
        case 32: return [.tensor(try pick(x, indices, width, dims, count, UInt32.self))]
        case 64: return [.tensor(try pick(x, indices, width, dims, count, UInt64.self))]
        default: throw ModelError(.unsupported, "the input is \(x.elementType); elements of 8, 16, 32 or 64 bits or strings are needed")
        }
    }

    private static func pick<T: Element>(_ x: Tensor, _ indices: [Int], _ width: Int, _ dims: [Int], _ count: Int, _: T.Type) throws -> Tensor {
        let source = try x.elements(as: T.self), result = try NewElements<T>(count)
        for row in 0..<count / indices.count {
            for (column, index) in indices.enumerated() { result[row * indices.count + column] = source[row * width + index] }
        }
        return result.tensor(x.elementType, dims)
    }
}
