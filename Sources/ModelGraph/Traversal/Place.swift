public import Tensors

/// Where something lies in a model: the steps from the model to it, outermost first.
///
/// Steps keep names, not sentences, so that walking a model costs no text; `texts` makes the words that findings and reports use.
public struct Place: Hashable, Sendable {
    public enum Step: Hashable, Sendable {
        case graph(Name?)
        /// A graph of `Model.trainingInfo`: "initialization" or "algorithm".
        case trainingInfo(Int, part: String)
        case function(domain: Name?, name: Name?, overload: Name?)
        case node(opType: Name?, name: Name?, firstOutput: Name?)
        case attribute(Name?)
        /// One of the values of an attribute that holds several.
        case element(Int)
        case initializer(Int, Name?)
        case sparseInitializer(Int, Name?)
        /// The stored elements of a sparse tensor.
        case sparseValues
        /// Their places.
        case sparseIndices
    }

    public private(set) var steps: [Step]

    public init(_ steps: [Step] = []) {
        self.steps = steps
    }

    public func appending(_ step: Step) -> Place { Place(steps + [step]) }

    public func appending(_ node: Node) -> Place { appending(.of(node)) }

    mutating func push(_ step: Step) { steps.append(step) }

    mutating func pop() { steps.removeLast() }

    /// The steps in words, names escaped.
    public var texts: [String] { steps.map(\.description) }

    /// How many graphs lie around this place, its own included.
    public var graphDepth: Int {
        steps.reduce(0) { if case .graph = $1 { $0 + 1 } else { $0 } }
    }

    /// True inside the body of a function.
    public var isInFunction: Bool {
        if case .function? = steps.first { true } else { false }
    }
}

extension Place.Step {
    static func of(_ node: Node) -> Place.Step {
        .node(opType: node.opType, name: node.name, firstOutput: node.outputs.first)
    }
}

extension Place.Step: CustomStringConvertible {
    public var description: String {
        func named(_ kind: String, _ name: Name?) -> String { name.map { "\(kind) '\($0)'" } ?? "unnamed \(kind)" }
        switch self {
        case .graph(let name): return named("graph", name)
        case .trainingInfo(let index, let part): return "training_info \(index), \(part)"
        case .function(let domain, let name, let overload):
            let key = "\(domain ?? "")::\(name ?? "")" + (overload.map { $0.isEmpty ? "" : ":\($0)" } ?? "")
            return "function '\(key)'"
        case .node(let opType, let name, let output): return Node(opType, name: name, outputs: output.map { [$0] } ?? []).label
        case .attribute(let name): return named("attribute", name)
        case .element(let index): return "element \(index)"
        case .initializer(let index, let name): return name.map { "initializer '\($0)'" } ?? "unnamed initializer \(index)"
        case .sparseInitializer(let index, let name): return name.map { "sparse_initializer '\($0)'" } ?? "unnamed sparse_initializer \(index)"
        case .sparseValues: return "values"
        case .sparseIndices: return "indices"
        }
    }
}

extension Place: CustomStringConvertible {
    public var description: String { texts.joined(separator: ": ") }
}
