public import ModelGraph
public import Tensors

/// One tensor of weights and what the model does with it.
public struct Weight: Sendable {
    /// What the nodes that read it are, in the file's order, each once: "MatMul", "Gather".
    public internal(set) var users: [String]
    public let name: Name
    public let place: Place
    public let elementType: ElementType
    public let dims: [Int]
    /// Why it stays as it is; nil if it can be quantized.
    public internal(set) var reasonToStay: String?
    var view: WeightView
    /// The product that reads it, for the statistics of what it is multiplied with.
    var product: Product?

    public var elementCount: Int { dims.reduce(1, *) }

    /// A node that multiplies the rows of a weight with columns made of its input.
    struct Product: Sendable {
        enum Kind: Sendable {
            /// The last axis of the input, which is this one of the node's.
            case lines
            /// Windows of an image: [N, C, …] with groups.
            case windows
            /// What a recurrent layer is given, or what it made one step before.
            case steps
            case previousSteps
            /// Indices of rows.
            case lookups
        }

        let kind: Kind
        let node: Node
        /// Which input of the node has the activations.
        let input: Int
        /// Names of the values in the main graph or in a branch.
        let activation: Name
        /// The graph or function in which the node stands.
        let scope: Place
        /// The ways by which the weight gets there through calls of functions, the outer ones first; where it is known without any, one of no calls.
        var calls: [[Place]] = [[]]
    }
}
