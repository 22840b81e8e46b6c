package import Tensors

extension Tensor {
    /// The elements of a STRING tensor; other types are refused, `what` names it in the error.
    package func stringElements(_ what: @autoclosure () -> String = "the input") throws -> [[UInt8]] {
        guard case .strings(let list) = encoding else { throw ModelError(.invalidGraph, "\(what()) is \(elementType), STRING is needed") }
        try checkEncoding()
        return try list.strings()
    }

    /// A STRING tensor of as many strings as the dims say.
    package static func strings(_ strings: [[UInt8]], dims: [Int]) -> Tensor {
        precondition(Tensors.elementCount(of: dims) == strings.count, "strings that do not fit their dims")
        return Tensor(.string, dims: dims, encoding: .strings(StringList(strings)))
    }
}
