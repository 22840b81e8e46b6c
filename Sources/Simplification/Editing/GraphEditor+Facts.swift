internal import ModelGraph
internal import Operators
internal import Tensors

/// Types, dims and values of all values, as far as they are sure before anything runs.
extension GraphEditor {
    /// Looks at everything anew. Throws, naming the node, if a node of the outermost graph could never run; what is wrong in a subgraph may
    /// never be reached.
    func inferAll() throws {
        for graph in graphs.indices where graphs[graph].isAlive { startFacts(of: graph) }
        for node in try orderOfAll() {
            do { try inferOrThrow(node) } catch let error as ModelError {
                for output in nodes[node].outputs where output >= 0 { facts[output] = .unknown }
                if nodes[node].graph == root { throw error.at(label(node)) }
            }
        }
    }

    /// The same for a node that was just made; nothing is known if it does not say.
    func infer(_ node: NodeID) {
        do { try inferOrThrow(node) } catch { for output in nodes[node].outputs where output >= 0 { facts[output] = .unknown } }
    }

    private func startFacts(of graph: GraphID) {
        for value in graphs[graph].constants {
            switch values[value].constant?.content {
            case .tensor(let tensor): facts[value] = isConstant(value) ? Fact(constant: tensor) : Fact(tensor.elementType, fixed: tensor.dims)
            case .sparse(let sparse): facts[value] = Fact(sparse.values?.elementType, fixed: sparse.dims)
            case nil: break
            }
        }
        for (value, info) in zip(graphs[graph].inputs, graphs[graph].inputInfos) where !values[value].isListed {
            let declared = graph == root ? trusted(info) : Fact(info)
            // Values that a loop carries may change their dims from trip to trip, whatever is declared.
            facts[value] = graph == root || declared.rank == nil ? declared : Fact(declared.elementType)
        }
    }

    /// What is declared of an input, but for what exporters write when they do not know: sizes of 0, and one symbol for several axes of a shape.
    private func trusted(_ info: ValueInfo) -> Fact {
        guard case .tensor(let type, let shape?)? = info.type?.kind else { return Fact(info) }
        var counts: [Name: Int] = [:]
        for case .symbol(let name) in shape.dims.map(\.size) { counts[name, default: 0] += 1 }
        return Fact(type == .undefined ? nil : type, shape.dims.map { dim in
            switch dim.size {
            case .value(0): .unknown
            case .symbol(let name) where counts[name] ?? 0 > 1 || Self.placeholders.contains(name): .unknown
            default: Dim(dim)
            }
        })
    }

    /// Not names of sizes, but words for "any".
    private static let placeholders: Set<Name> = ["None", "none", "?", "*", "-1", "unk", "unknown", "dynamic", "null", "undefined"]

    private func inferOrThrow(_ id: NodeID) throws {
        let record = nodes[id]
        var node = record.node
        node.outputs = record.outputs.map { $0 >= 0 ? "y" : "" }
        node.inputs = record.inputs.map { $0 >= 0 ? "x" : "" }
        // What a function does, and what the caller of a function gives as attributes, is not known here.
        let isOpen = setting.functions.contains(FunctionKey(node)) || record.node.attributes.contains { $0.referenceName != nil }
        let found = isOpen
            ? [Fact](repeating: .unknown, count: node.outputs.count)
            : try Operators.infer(node, opset: record.opset, inputs: record.inputs.map { $0 >= 0 ? fact($0) : nil }, subgraphs: InferredSubgraphs(self, id))
        // What a DequantizeLinear makes is not known as a value: computed in advance, it and what follows would no longer be quantized.
        let isQuantized = record.kind == .dequantizeLinear
        for (value, fact) in zip(record.outputs, found) where value >= 0 { facts[value] = isQuantized ? fact.withoutValue : fact }
    }
}

/// The graphs of a node, whose facts are there already: they do not depend on what the node gives them.
private struct InferredSubgraphs: SubgraphInference {
    let editor: GraphEditor
    let node: NodeID

    init(_ editor: GraphEditor, _ node: NodeID) { (self.editor, self.node) = (editor, node) }

    func infer(_ attribute: Name, inputs: [Fact]) throws -> [Fact] {
        let record = editor.nodes[node]
        guard let found = record.subgraphs.first(where: { record.node.attributes[$0.attribute].name == attribute }) else { return [] }
        return editor.graphs[found.graph].outputs.map { editor.fact($0) }
    }
}
