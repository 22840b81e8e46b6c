internal import ModelGraph
internal import Operators
internal import Tensors

/// Removes what nothing depends on: nodes none of whose outputs is read, optional outputs that nobody reads, constants that nobody reads.
///
/// Inputs and outputs of the model stay, as do nodes without outputs, operators that are not known (they may do more than they say) and what
/// training information, quantization annotations and device configurations name.
enum RemoveDeadCode: GraphPass {
    static let name = "remove-dead-code"
    static let summary = "nodes, optional outputs and constants that nobody reads go"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        var pending = graph.nodes.indices.filter { graph.nodes[$0].isAlive }
        while let node = pending.popLast() {
            guard graph.nodes[node].isAlive, isRemovable(node, graph) else { continue }
            let outputs = graph.nodes[node].outputs
            if outputs.allSatisfy({ isUnused($0, graph) }) {
                log.did("unused \(graph.label(node))")
                let captured = makers(readBy: node, graph)
                graph.remove(node)
                pending += captured
            } else if let last = outputs.last, outputs.count > 1, isUnused(last, graph), allowsFewerOutputs(node, graph) {
                graph.nodes[node].outputs.removeLast()
                if last >= 0 {
                    graph.forget(last)
                    graph.noteChange(of: node)
                    log.did("unused output of \(graph.label(node))")
                }
                pending.append(node)
            }
        }
        removeConstants(graph, &log)
    }

    private static func isUnused(_ value: ValueID, _ graph: GraphEditor) -> Bool {
        value < 0 || graph.values[value].users.isEmpty && !graph.values[value].isPinned
    }

    private static func isRemovable(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        return !record.outputs.isEmpty && (record.kind != .other || graph.isKnown(node))
    }

    /// Trailing outputs that the schema calls optional; how many a variadic list has may mean something.
    private static func allowsFewerOutputs(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard record.subgraphs.isEmpty, record.kind != .split, record.kind != .batchNormalization || record.opset >= 14, record.kind != .dropout || record.opset >= 7,
            case .found(let schema) = OperatorSchemas.lookUp(record.node.opType ?? "", domain: record.domain, version: Int64(record.opset))
        else { return false }
        let index = record.outputs.count - 1
        return index < schema.outputs.count && schema.outputs[index] == .optional && index >= schema.outputCount.lowerBound
    }

    /// The nodes that make what a node and the graphs in it read.
    private static func makers(readBy node: NodeID, _ graph: GraphEditor) -> [NodeID] {
        var result: [NodeID] = [], pending = [node]
        while let node = pending.popLast() {
            result += graph.nodes[node].inputs.compactMap { graph.maker($0) }
            for subgraph in graph.nodes[node].subgraphs {
                pending += graph.graphs[subgraph.graph].nodes.filter { graph.nodes[$0].isAlive }
                result += graph.graphs[subgraph.graph].outputs.compactMap { graph.maker($0) }
            }
        }
        return result
    }

    private static func removeConstants(_ graph: GraphEditor, _ log: inout PassLog) {
        for index in graph.graphs.indices where graph.graphs[index].isAlive {
            graph.graphs[index].constants.removeAll { value in
                guard graph.values[value].constant != nil, graph.values[value].graph == index else { return true }
                guard graph.values[value].users.isEmpty, !graph.values[value].isPinned, !graph.values[value].isInput else { return false }
                log.did("unused constant '\(graph.values[value].name)'")
                graph.forget(value)
                graph.noteChange()
                return true
            }
        }
    }
}

extension GraphEditor {
    /// True if the operator is one of ONNX's, one that can be run here, or a function of the model: it does nothing but make its outputs.
    func isKnown(_ node: NodeID) -> Bool {
        let record = nodes[node], name = record.node.opType ?? ""
        guard record.node.unknownFields.isEmpty, record.node.deviceConfigurations.isEmpty else { return false }
        return setting.functions.contains(FunctionKey(record.node)) || Operators.runnable(name, domain: record.domain) != nil
            || !OperatorSchemas.versions(of: name, domain: record.domain).isEmpty
    }
}
