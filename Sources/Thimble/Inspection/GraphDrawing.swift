public import ModelGraph
internal import Tensors

/// A drawing of a graph as text for Graphviz or Mermaid. Labels are quoted and escaped, identifiers are numbers of ours: no name of
/// the model is ever syntax.
public enum GraphDrawing: String, CaseIterable, Sendable {
    case dot
    case mermaid

    /// The main graph with its subgraphs as frames. Initializers are left out: they would be half of the picture.
    public func draw(_ model: Model) -> String {
        var drawing = DrawnGraph(style: self)
        drawing.add(model.graph)
        return drawing.text
    }
}

private struct DrawnGraph {
    let style: GraphDrawing
    private var lines: [String] = []
    private var edges: [String] = []
    private var count = 0
    private var indent = 1
    /// What makes a value, innermost graph last: subgraphs see the values around them.
    private var scopes: [[Name: String]] = []

    init(style: GraphDrawing) { self.style = style }

    var text: String {
        let head = style == .dot ? ["digraph model {", "  rankdir=TB; node [fontname=\"Helvetica\", shape=box, style=rounded];"] : ["flowchart TB"]
        let tail = style == .dot ? ["}"] : []
        return (head + lines + edges + tail).joined(separator: "\n") + "\n"
    }

    mutating func add(_ graph: Graph) {
        scopes.append([:])
        let constants = Set(graph.initializers.compactMap(\.name))
        for input in graph.inputs {
            guard let name = input.name, !constants.contains(name) else { continue }
            scopes[scopes.count - 1][name] = terminal(input)
        }
        // Nodes need not stand in order: first all makers, then all edges.
        let ids = graph.nodes.map { node in
            let id = newID()
            line(box(id, node.opType?.description ?? "?", node.name?.description ?? ""))
            for output in node.outputs where !output.isEmpty { scopes[scopes.count - 1][output] = id }
            return id
        }
        for (node, id) in zip(graph.nodes, ids) {
            for input in node.inputs { if let maker = maker(of: input) { edge(maker, id) } }
            for attribute in node.attributes { addSubgraphs(of: attribute, node: id) }
        }
        for output in graph.outputs {
            let id = terminal(output)
            if let maker = output.name.flatMap(maker) { edge(maker, id) }
        }
        scopes.removeLast()
    }

    private mutating func addSubgraphs(of attribute: Attribute, node: String) {
        let graphs: [Graph] =
            switch attribute.value {
            case .graph(let graph): [graph]
            case .graphs(let graphs): graphs
            default: []
            }
        for graph in graphs {
            let title = quoted(attribute.name?.description ?? "graph")
            let id = "g\(newID())"
            line(style == .dot ? "subgraph cluster_\(id) { label=\(title);" : "subgraph \(id)[\(title)]")
            indent += 1
            let anchor = newID()
            line(style == .dot ? "\(anchor) [shape=point];" : "\(anchor)(( ))")
            add(graph)
            indent -= 1
            line(style == .dot ? "}" : "end")
            edges.append(style == .dot ? "  \(node) -> \(anchor) [style=dashed];" : "  \(node) -.-> \(anchor)")
        }
    }

    private func maker(of name: Name) -> String? {
        for scope in scopes.reversed() { if let id = scope[name] { return id } }
        return nil
    }

    private mutating func newID() -> String {
        count += 1
        return "n\(count)"
    }

    private mutating func terminal(_ value: ValueInfo) -> String {
        let id = newID()
        let label = [value.name?.description ?? "?", value.type?.description ?? ""].filter { !$0.isEmpty }
        line(style == .dot ? "\(id) [shape=ellipse, label=\(quoted(label.joined(separator: "\n")))];" : "\(id)([\(quoted(label.joined(separator: "\n")))])")
        return id
    }

    private func box(_ id: String, _ op: String, _ name: String) -> String {
        let label = quoted(name.isEmpty ? op : "\(op)\n\(name)")
        return style == .dot ? "\(id) [label=\(label)];" : "\(id)[\(label)]"
    }

    private mutating func edge(_ from: String, _ to: String) {
        edges.append(style == .dot ? "  \(from) -> \(to);" : "  \(from) --> \(to)")
    }

    private mutating func line(_ text: String) {
        lines.append(String(repeating: "  ", count: indent) + text)
    }

    /// In double quotes; what either language could take for its own is written as a character reference.
    private func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": out += style == .dot ? "\\n" : "<br/>"
            case "\\": out += style == .dot ? "\\\\" : "#92;"
            case "\"": out += style == .dot ? "\\\"" : "#quot;"
            case "<", ">", "&", "#", "`", "[", "]", "(", ")", "{", "}", "|", ";", "%", "*", "_", "~":
                out += style == .dot ? String(scalar) : "#\(scalar.value);"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
