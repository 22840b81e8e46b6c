internal import ModelGraph
internal import Tensors

/// Text of a model that no runtime needs.
public struct TextShare: Equatable, Sendable {
    public struct Kind: Equatable, Sendable {
        /// As ONNX calls it: "doc_string", "metadata_props", "value_info", "node names".
        public var name: String
        public var count = 0
        public var byteCount = 0
    }

    /// Those that occur.
    public var kinds: [Kind] = []
    /// Absolute paths of files within that text: they tell where the model was made. At most ten.
    public var absolutePaths: [String] = []
    /// Occurrences of any absolute path.
    public var absolutePathCount = 0
    /// False if there was too much text to search all of it for paths.
    public var isSearchedWholly = true
    public var byteCount: Int { kinds.reduce(0) { $0 + $1.byteCount } }
}

/// Gathers a `TextShare` part by part.
struct TextCollector {
    private var documents = TextShare.Kind(name: "doc_string")
    private var metadata = TextShare.Kind(name: "metadata_props")
    private var valueInfos = TextShare.Kind(name: "value_info")
    private var nodeNames = TextShare.Kind(name: "node names")
    private var paths = PathSearch()

    var share: TextShare {
        TextShare(
            kinds: [documents, metadata, valueInfos, nodeNames].filter { $0.count > 0 }, absolutePaths: paths.found,
            absolutePathCount: paths.count, isSearchedWholly: paths.budget > 0)
    }

    mutating func add(_ model: Model) {
        document(model.docString)
        properties(model.metadata)
    }

    mutating func add(_ graph: Graph) {
        document(graph.docString)
        properties(graph.metadata)
        for value in graph.inputs + graph.outputs { document(value.docString); properties(value.metadata) }
        infos(graph.valueInfos)
    }

    mutating func add(_ function: Function) {
        document(function.docString)
        properties(function.metadata)
        infos(function.valueInfos)
    }

    mutating func add(_ node: Node) {
        document(node.docString)
        properties(node.metadata)
        for attribute in node.attributes { document(attribute.docString) }
        if let name = node.name, !name.isEmpty { Self.count(name.byteCount, in: &nodeNames) }
    }

    mutating func add(_ tensor: Tensor) {
        document(tensor.docString)
        properties(tensor.metadata)
    }

    private mutating func document(_ text: Name?) {
        guard let text, !text.isEmpty else { return }
        Self.count(text.byteCount, in: &documents)
        paths.search(text)
    }

    private mutating func properties(_ entries: [KeyValue]) {
        for entry in entries {
            Self.count((entry.key?.byteCount ?? 0) + (entry.value?.byteCount ?? 0), in: &metadata)
            if let value = entry.value { paths.search(value) }
        }
    }

    private mutating func infos(_ infos: [ValueInfo]) {
        for info in infos {
            Self.count(info.name?.byteCount ?? 0, in: &valueInfos)
            document(info.docString)
            properties(info.metadata)
        }
    }

    private static func count(_ bytes: Int, in kind: inout TextShare.Kind) {
        kind.count += 1
        kind.byteCount += bytes
    }
}
