package import Tensors

extension Tensor {
    /// The elements of a STRING tensor; other types are refused.
    package func stringArray() throws -> [[UInt8]] {
        guard case .strings(let list) = encoding else { throw ModelError(.invalidGraph, "the input is \(elementType), STRING is needed") }
        try checkEncoding()
        return try list.strings()
    }

    /// A STRING tensor of as many strings as the dims say.
    package static func stringTensor(_ strings: [[UInt8]], dims: [Int]) -> Tensor {
        precondition(Tensors.elementCount(of: dims) == strings.count, "strings that do not fit their dims")
        return Tensor(.string, dims: dims, encoding: .strings(StringList(strings)))
    }
}
