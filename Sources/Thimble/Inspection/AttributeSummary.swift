internal import ModelGraph
internal import Tensors

extension Attribute {
    /// The value in a few words, for people: `[3, 3]`, `"SAME_UPPER"`, `FLOAT[64, 3]`, `graph (12 nodes)`.
    var summary: String {
        if let referenceName { return "of the function's '\(referenceName)'" }
        switch value {
        case .undefined: return "undefined"
        case .float(let value): return "\(value)"
        case .int(let value): return "\(value)"
        case .string(let bytes): return "\"\(printable(utf8: bytes, limit: 60))\""
        case .tensor(let tensor): return tensor.typeText
        case .graph(let graph): return "graph (\(counted(graph.nodes.count, "node")))"
        case .sparseTensor(let tensor): return "sparse \(tensor.values?.typeText ?? "tensor")"
        case .type(let type): return type.description
        case .floats(let values): return listed(values.lazy.map { "\($0)" }, values.count)
        case .ints(let values): return listed(values.lazy.map { "\($0)" }, values.count)
        case .strings(let values): return listed(values.lazy.map { "\"\(printable(utf8: $0, limit: 40))\"" }, values.count)
        case .tensors(let tensors): return counted(tensors.count, "tensor")
        case .graphs(let graphs): return counted(graphs.count, "graph")
        case .sparseTensors(let tensors): return counted(tensors.count, "sparse tensor")
        case .types(let types): return counted(types.count, "type")
        }
    }

    private func listed(_ items: some Sequence<String>, _ count: Int) -> String {
        "[" + items.prefix(8).joined(separator: ", ") + (count > 8 ? ", … \(count) in all]" : "]")
    }
}

extension Tensor {
    /// `FLOAT[10, 64]`.
    var typeText: String { "\(elementType)\(dimsText(dims))" }
}

/// `[10, 64]`; long shapes shortened.
func dimsText(_ dims: [Int]) -> String {
    "[" + dims.prefix(8).map(String.init).joined(separator: ", ") + (dims.count > 8 ? ", … \(dims.count) axes]" : "]")
}
