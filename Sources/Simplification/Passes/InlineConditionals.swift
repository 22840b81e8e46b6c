internal import ModelGraph
internal import Tensors

/// Puts the branch that is always taken in the place of an If.
///
/// Applies to an If whose condition is a constant. Nodes and constants of the branch move into the graph around it, under new names where a name is
/// taken; the other branch goes. An output that the branch only passes on gets an Identity where the graph around needs a node of its own.
enum InlineConditionals: GraphPass {
    static let name = "inline-conditionals"
    static let summary = "an If whose condition is constant becomes the branch that is taken"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .ifElse) where graph.nodes[node].isAlive {
            guard let condition = graph.constant(graph.input(node, 0)), condition.elementType == .bool, condition.elementCount == 1,
                let value = condition.smallNumbers()?.first
            else { continue }
            let taken: Name = value != 0 ? "then_branch" : "else_branch", record = graph.nodes[node]
            guard let branch = record.subgraphs.first(where: { record.node.attributes[$0.attribute].name == taken }) else { continue }
            guard graph.graphs[branch.graph].outputs.count >= record.outputs.count, graph.graphs[branch.graph].shell.unknownFields.isEmpty,
                graph.graphs[branch.graph].inputs.isEmpty
            else { continue }
            log.did("\(graph.label(node)): \(taken)")
            graph.inline(branch, of: node)
        }
    }
}

extension GraphEditor {
    fileprivate func inline(_ branch: EditedNode.Subgraph, of node: NodeID) {
        let results = graphs[branch.graph].outputs, outer = nodes[node].graph
        nodes[node].subgraphs.removeAll { $0.graph == branch.graph }
        for (index, value) in results.enumerated() { removeUse(value, Use(node: -1, graph: branch.graph, index: index)) }
        move(contentsOf: branch.graph, to: outer, at: nodes[node].position)
        for (output, result) in zip(nodes[node].outputs, results) where output >= 0 {
            if canReplace(output, with: result) {
                replace(output, with: result)
            } else {
                let copy = addNode(.identity, [result], outputs: 0, in: outer, near: node)
                nodes[copy].outputs = [output]
                values[output].maker = copy
                if let at = nodes[node].outputs.firstIndex(of: output) { nodes[node].outputs[at] = -1 }
            }
        }
        remove(node)
    }

    /// Moves nodes and constants of `inner` to `outer`, the graph around it; `inner` is empty and dead afterwards.
    private func move(contentsOf inner: GraphID, to outer: GraphID, at position: Int) {
        func take(_ value: ValueID) {
            guard values[value].graph == inner else { return }
            values[value].graph = outer
            if count(of: values[value].name) > 1 { rename(value, freshName()) }
        }
        for value in graphs[inner].constants where values[value].constant != nil {
            take(value)
            values[value].constant?.order = .max
            graphs[outer].constants.append(value)
        }
        for node in graphs[inner].nodes where nodes[node].isAlive {
            nodes[node].graph = outer
            nodes[node].position = position
            graphs[outer].nodes.append(node)
            for output in nodes[node].outputs where output >= 0 { take(output) }
            for subgraph in nodes[node].subgraphs { raise(subgraph.graph) }
        }
        graphs[outer].infos += graphs[inner].infos
        (graphs[inner].nodes, graphs[inner].constants, graphs[inner].outputs, graphs[inner].isAlive) = ([], [], [], false)
        noteChange()
    }

    private func raise(_ graph: GraphID) {
        graphs[graph].depth -= 1
        for node in graphs[graph].nodes where nodes[node].isAlive { for subgraph in nodes[node].subgraphs { raise(subgraph.graph) } }
    }
}
