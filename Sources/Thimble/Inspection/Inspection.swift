public import ModelGraph
public import Tensors

/// What `Thimble.inspect` finds in a file, without reading its weights.
public struct Inspection: Sendable {
    public struct Operator: Equatable, Sendable {
        public var domain: String
        public var opType: String
        public var count: Int
    }

    /// Tensors of one element type.
    public struct TypeShare: Equatable, Sendable {
        public var elementType: ElementType
        public var tensorCount = 0
        public var elementCount = 0
        public var byteCount = 0
    }

    /// Tensors that are stored in one way.
    public struct StorageShare: Equatable, Sendable {
        /// `.thimble`: plain, strings, affine, palette, bitmask, gaps, transposed. `.onnx`: the field, as ONNX spells it, or "external".
        public var encoding: String
        /// `.thimble`: none, zlib or inline (within the metadata). `.onnx`: none.
        public var codec: String
        public var count = 0
        public var byteCount = 0
        public var storedByteCount = 0
    }

    public struct TensorRow: Equatable, Sendable {
        /// Nil: the file gives none.
        public var name: Name?
        /// Outermost first, empty in the main graph.
        public var place: [String]
        public var elementType: ElementType
        public var dims: [Int]
        public var encoding: String
        public var byteCount: Int
    }

    public struct NodeRow: Equatable, Sendable {
        public var place: [String]
        public var name: Name?
        public var domain: Name?
        public var opType: Name?
        public var inputs: [Name]
        public var outputs: [Name]
        /// Name and value, long values shortened.
        public var attributes: [(name: String, value: String)]

        public static func == (a: NodeRow, b: NodeRow) -> Bool {
            a.place == b.place && a.name == b.name && a.domain == b.domain && a.opType == b.opType && a.inputs == b.inputs
                && a.outputs == b.outputs && a.attributes.elementsEqual(b.attributes) { $0 == $1 }
        }
    }

    /// What a `.thimble` says about itself.
    public struct Container: Sendable {
        public var writer: String?
        public var requires: [String]
        public var modelKeys: [String]
        public var metadataStoredByteCount: Int
        public var metadataRawByteCount: Int
        public var sourceName: String?
        public var sourceByteCount: Int?
        public var isSourceByteExact: Bool
        public var isLossy: Bool
    }

    public var path: String
    public var kind: FileKind
    public var byteCount: Int
    /// Files of external data: path and bytes.
    public var dataFiles: [(path: String, byteCount: Int)] = []
    public var container: Container?
    public var model: Model
    public var nodeCount = 0
    /// Graphs within attributes and training info; the main graph is not counted.
    public var subgraphCount = 0
    public var initializerCount = 0
    public var constantCount = 0
    /// Elements of all initializers and of all tensors in attributes.
    public var parameterCount = 0
    public var tensorByteCount = 0
    /// Most frequent first.
    public var operators: [Operator] = []
    public var types: [TypeShare] = []
    public var storage: [StorageShare] = []
    /// Largest first, at most ten.
    public var largest: [TensorRow] = []
    public var duplicates = Duplicates()
    public var text = TextShare()
    /// Bytes that the file would take with `--zlib`, estimated from samples; nil if it is compressed already.
    public var zlibEstimate: Int?
    public var warnings: [Finding] = []
    /// Filled when asked for.
    public var nodes: [NodeRow]?
    public var tensors: [TensorRow]?
}

/// What a look is to contain beyond the summary.
public struct InspectionOptions: Sendable {
    public var listsNodes: Bool
    public var listsTensors: Bool
    public var open: OpenOptions

    public init(listsNodes: Bool = false, listsTensors: Bool = false, open: OpenOptions = OpenOptions()) {
        self.listsNodes = listsNodes
        self.listsTensors = listsTensors
        self.open = open
    }
}
