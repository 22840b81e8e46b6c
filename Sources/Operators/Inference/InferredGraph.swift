internal import ModelGraph
package import Tensors

/// What is known of the values of one graph, and of the graphs within it.
package final class InferredGraph {
    /// Which body of which node: a subgraph by its attribute, or the body of the function that the node calls.
    package struct Body: Hashable, Sendable {
        /// Index in the graph's or function's nodes.
        package let node: Int
        /// Nil for the function.
        package let attribute: Name?

        package init(node: Int, attribute: Name?) { (self.node, self.attribute) = (node, attribute) }
    }

    /// By name: inputs, initializers, what nodes make. What has no entry is not known.
    package internal(set) var facts: [Name: Fact] = [:]
    /// What holds in every run of a body; of a function, in this call.
    package internal(set) var bodies: [Body: InferredGraph] = [:]
    /// Which names the graphs around it have.
    let outer: InferredGraph?

    init(outer: InferredGraph?) { self.outer = outer }

    /// A value of this graph or of one around it.
    package func fact(_ name: Name) -> Fact {
        var graph: InferredGraph? = self
        while let current = graph {
            if let fact = current.facts[name] { return fact }
            graph = current.outer
        }
        return .unknown
    }
}
