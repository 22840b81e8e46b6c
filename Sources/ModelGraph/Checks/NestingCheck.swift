internal import Tensors

extension Model {
    /// False if graphs are nested deeper than `maximumGraphNesting`. Goes through one level of graphs at a time: it must not
    /// recurse, being what makes recursion safe.
    package func checkNesting(into findings: inout FindingList) -> Bool {
        var level = [graph] + trainingInfo.flatMap { [$0.initialization, $0.algorithm].compactMap(\.self) }
        // The body of a function counts as the level around its subgraphs.
        var next = functions.flatMap { subgraphs(of: $0.nodes) + $0.attributeDefaults.flatMap(\.graphs) }
        var depth = 1
        while !level.isEmpty || !next.isEmpty {
            guard depth <= Self.maximumGraphNesting else {
                findings.error(
                    Place(), "graphs are nested more than \(Self.maximumGraphNesting) deep, the limit; a real model has less than ten levels")
                return false
            }
            next += level.flatMap { subgraphs(of: $0.nodes) }
            (level, next) = (next, [])
            depth += 1
        }
        return true
    }

    private func subgraphs(of nodes: [Node]) -> [Graph] {
        nodes.flatMap { $0.attributes.flatMap(\.graphs) }
    }
}

extension Attribute {
    /// The graphs that this attribute holds.
    package var graphs: [Graph] {
        switch value {
        case .graph(let graph): [graph]
        case .graphs(let graphs): graphs
        default: []
        }
    }
}
