internal import ModelGraph
internal import Operators
internal import Tensors

/// Numbers of values, nodes and graphs within one `GraphEditor`; -1 is none.
typealias ValueID = Int
typealias NodeID = Int
typealias GraphID = Int

/// A place that reads a value: an input of a node, or an output of a graph.
struct Use: Hashable {
    /// -1 for an output of a graph.
    var node: NodeID
    /// Of an output.
    var graph: GraphID = -1
    var index: Int
}

/// A value of the graphs that are edited. It always stands for the same tensor: edits change who makes it and who reads it.
struct EditedValue {
    var name: Name
    /// The graph that it belongs to; those nested in it can read it.
    var graph: GraphID
    /// -1 for inputs and constants.
    var maker: NodeID = -1
    var isInput = false
    /// A constant that IR 3 lists among the inputs.
    var isListed = false
    /// Somebody outside of the graphs knows it by its name, or may change it: it stays, under this name, as it is.
    var isPinned = false
    var constant: StoredConstant?
    var users = UserList()
}

/// A constant of a graph. Its tensor is never copied.
final class StoredConstant {
    enum Content {
        case tensor(Tensor)
        case sparse(SparseTensor)
    }

    var content: Content
    /// A graph input of the same name may replace it at run time: it is a default, not a constant.
    var isDefault = false
    /// The Constant node that held it, if it is to be written as one.
    var node: Node?
    /// Its place among the initializers of the graph; new ones come last.
    var order = Int.max

    init(_ content: Content) {
        self.content = content
    }
}

/// A node of the graphs that are edited. Inputs, outputs and subgraphs are numbers, so those of `node` are empty.
struct EditedNode {
    /// Type, name, attributes and notes.
    var node: Node
    /// -1 for one that is left out.
    var inputs: [ValueID]
    var outputs: [ValueID]
    var graph: GraphID
    /// Graphs in its attributes.
    var subgraphs: [Subgraph] = []
    let kind: OperatorKind
    /// Canonical.
    let domain: Name
    let opset: Int
    /// What orders nodes that could stand anywhere: the place in the source, or that of the node that it stands for.
    var position: Int
    var isAlive = true

    struct Subgraph {
        /// Index of the attribute, and of the graph in it if it holds several.
        var attribute: Int
        var element: Int?
        var graph: GraphID
    }
}

/// A graph that is edited: the model's own, one in an attribute, or the body of a function.
struct EditedGraph {
    /// Everything but nodes, inputs, outputs and constants.
    var shell: Graph
    /// -1 for the outermost.
    let owner: NodeID
    var depth: Int
    var inputs: [ValueID]
    var inputInfos: [ValueInfo]
    var outputs: [ValueID]
    var outputInfos: [ValueInfo]
    var infos: [(value: ValueID, info: ValueInfo)]
    /// In the order of the source, then those that were added; dead ones are among them.
    var nodes: [NodeID]
    /// Constants that belong here.
    var constants: [ValueID]
    var isAlive = true
}
