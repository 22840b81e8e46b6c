internal import ModelGraph
internal import Tensors

/// Computes once what is computed twice.
///
/// Applies to nodes of the same operator, inputs and attributes, in the same graph or with one in a graph around the other's. Leaves alone random
/// operators, nodes with subgraphs, walls and calls of functions. Codes that several nodes dequantize alike are dequantized once: runtimes give each
/// reader a DequantizeLinear of its own again before they look for quantized operators.
enum ShareSubexpressions: GraphPass {
    static let name = "share-subexpressions"
    static let summary = "what is computed twice is computed once"

    private struct Key: Hashable {
        let kind: OperatorKind
        let inputs: [ValueID]
        let outputCount: Int
        let attributes: Int
    }

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        var first: [Key: [NodeID]] = [:]
        // Nodes of a graph come after those of the graphs in them: look at outer graphs first.
        let order = try graph.orderOfAll().enumerated().sorted {
            let (a, b) = (graph.graphs[graph.nodes[$0.element].graph].depth, graph.graphs[graph.nodes[$1.element].graph].depth)
            return (a, $0.offset) < (b, $1.offset)
        }
        for (_, node) in order {
            guard let attributes = hash(of: node, graph) else { continue }
            let record = graph.nodes[node]
            let key = Key(kind: record.kind, inputs: record.inputs, outputCount: record.outputs.count, attributes: attributes)
            if let same = first[key]?.first(where: { isSame($0, node, graph) }) {
                log.did("\(graph.label(node)) is \(graph.label(same))")
                for (old, new) in zip(record.outputs, graph.nodes[same].outputs) where old >= 0 { graph.replace(old, with: new) }
                graph.remove(node)
            } else if first[key]?.count ?? 0 < 16 {
                first[key, default: []].append(node)
            }
        }
    }

    private static func isSame(_ a: NodeID, _ b: NodeID, _ graph: GraphEditor) -> Bool {
        let x = graph.nodes[a], y = graph.nodes[b]
        guard x.node.overload == y.node.overload, graph.isWithin(y.graph, x.graph), x.node.attributes.count == y.node.attributes.count else { return false }
        guard x.node.attributes.allSatisfy({ attribute in attribute.name.flatMap { y.node.attribute($0) }?.value == attribute.value }) else { return false }
        return zip(x.outputs, y.outputs).allSatisfy { new, old in old < 0 || new >= 0 && graph.canReplace(old, with: new) }
    }

    /// Nil for nodes that are left alone.
    private static func hash(of node: NodeID, _ graph: GraphEditor) -> Int? {
        let record = graph.nodes[node]
        guard record.kind != .other, !record.kind.isRandom, record.kind != .dropout, record.subgraphs.isEmpty, record.kind != .constant
        else { return nil }
        var sum = 0
        for attribute in record.node.attributes {
            var hasher = Hasher()
            hasher.combine(attribute.name)
            switch attribute.value {
            case .int(let value): hasher.combine(value)
            case .float(let value): hasher.combine(value.bitPattern)
            case .ints(let values): hasher.combine(values)
            case .floats(let values): hasher.combine(values)
            case .string(let bytes): hasher.combine(bytes)
            default: break
            }
            sum &+= hasher.finalize()
        }
        return sum
    }
}
