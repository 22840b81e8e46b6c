package import ModelGraph
package import Tensors

/// Infers types, dims and small values of all values of a model: of its main graph, of subgraphs, and of functions in each call.
///
/// What a model declares of its inputs is taken for true. What it declares of other values fills in what inference does not know; where both
/// contradict each other, inference counts and the contradiction is a problem: exporters leave dims of the example that they traced.
package struct GraphInference {
    package struct Options: Sendable {
        /// Dims of inputs, in place of the declared ones. Declared symbols that they give a size have it everywhere; the dims that the
        /// model declares for other values then count no more.
        package var dims: [Name: [Int]] = [:]
        /// Values of inputs.
        package var values: [Name: Tensor] = [:]
        /// Sizes of declared symbols.
        package var symbols: [Name: Int] = [:]
        /// False: what the model declares of values other than its inputs counts for nothing.
        package var usesDeclarations = true
        /// False: only the operators' rules, no kernel is run on small constants.
        package var runsConstants = true
        /// Inputs that have an initializer keep it. False: from IR 4 on a run may give them another value, and then they are not known.
        package var keepsDefaults = true
        /// Nodes that are inferred in all, those of bodies in each pass.
        package var maximumNodeCount = 8_000_000

        package init() {}
    }

    package struct Result {
        package let graph: InferredGraph
        /// Nodes that cannot run and contradictions, the first of them.
        package let problems: [ModelError]
    }

    /// Throws `.limit` if graphs are nested too deep; what is wrong with a node is a problem of the result.
    package static func run(_ model: Model, _ options: Options = Options()) throws -> Result {
        var findings = FindingList()
        guard model.checkNesting(into: &findings) else {
            throw ModelError(.limit, "graphs are nested more than \(Model.maximumGraphNesting) deep, the limit")
        }
        let inference = Inference(model, options)
        let graph = InferredGraph(outer: nil)
        inference.inferMain(model.graph, into: graph)
        return Result(graph: graph, problems: inference.problems)
    }
}

/// One inference under way.
final class Inference {
    static let maximumProblems = 500
    static let maximumDepth = 100

    private let functions: [FunctionKey: Function]
    private let model: Model
    private let options: GraphInference.Options
    private var declared: DeclaredFacts
    private var left: Int
    private(set) var problems: [ModelError] = []
    /// Nodes and bodies around the node that is looked at.
    private var place: [String] = []

    init(_ model: Model, _ options: GraphInference.Options) {
        (self.model, self.options) = (model, options)
        functions = Dictionary(model.functions.map { (FunctionKey($0), $0) }) { first, _ in first }
        declared = DeclaredFacts(model.graph, options)
        left = options.maximumNodeCount
    }

    /// What holds for all nodes of a body.
    struct Context {
        let opsets: [Name: Int64]
        /// What references to attributes stand for; nil outside of functions.
        var attributes: [Name: Attribute]?
        var depth: Int

        /// Opset 1 where the model does not say: it was the only one when models did not.
        func opset(_ domain: Name) -> Int { Int(opsets[domain] ?? 1) }
    }

    func inferMain(_ graph: Graph, into result: InferredGraph) {
        for info in graph.inputs {
            guard let name = info.name else { continue }
            result.facts[name] = declared.input(name, info)
        }
        infer(graph, into: result, Context(opsets: Domain.versions(model.opsetImports), attributes: nil, depth: 1), isMain: true)
    }

    private func infer(_ graph: Graph, into result: InferredGraph, _ context: Context, isMain: Bool = false) {
        // Up to IR 3 all initializers are inputs, too, and constants.
        let areConstant = !isMain || options.keepsDefaults || (model.irVersion ?? 3) < 4
        for tensor in graph.initializers {
            guard let name = tensor.name else { continue }
            if let input = result.facts[name], !areConstant {
                result.facts[name] = declared.merged(Fact(tensor.elementType, fixed: tensor.dims), input) { _ in }
            } else if !isMain || options.values[name] == nil && options.dims[name] == nil {
                result.facts[name] = Fact(constant: tensor)
            }
        }
        for sparse in graph.sparseInitializers {
            if let name = sparse.values?.name { result.facts[name] = Fact(sparse.values?.elementType, fixed: sparse.dims) }
        }
        infer(graph.nodes, into: result, context, declared: declared.table(graph))
    }

    /// `declared` says what the graph says of what its nodes make.
    private func infer(_ nodes: [Node], into result: InferredGraph, _ context: Context, declared table: [Name: Fact]) {
        guard context.depth <= Self.maximumDepth else {
            return report(ModelError(.limit, "graphs and function calls are nested more than \(Self.maximumDepth) deep; does a function call itself?"))
        }
        for index in NodeSequence.order(nodes) {
            left -= 1
            guard left >= 0 else {
                if left == -1 { report(ModelError(.limit, "stands for more than \(options.maximumNodeCount) nodes when bodies are gone through; the rest is not known")) }
                return
            }
            let node = nodes[index].resolvingReferences(context.attributes)
            var facts: [Fact]
            do {
                facts = try infer(node, index, in: result, context)
            } catch let error as ModelError {
                report(error.at(node.label))
                facts = []
            } catch {
                facts = []
            }
            for (place, name) in node.outputs.enumerated() where !name.isEmpty {
                let fact = place < facts.count ? facts[place] : .unknown
                guard let stated = table[name] else { result.facts[name] = fact; continue }
                result.facts[name] = declared.merged(fact, stated) { problem in
                    report(ModelError(.invalidGraph, "makes '\(name)', of which the graph says \(problem.declared), it is \(problem.inferred)", at: [node.label]))
                }
            }
        }
    }

    private func infer(_ node: Node, _ index: Int, in graph: InferredGraph, _ context: Context) throws -> [Fact] {
        let inputs = node.inputs.map { $0.isEmpty ? nil : graph.fact($0) }
        if let function = functions[FunctionKey(node)] { return try infer(function, calledBy: node, index, inputs, in: graph, context) }
        let bodies = NodeBodies(inference: self, node: node, index: index, graph: graph, context: context)
        return try Operators.infer(
            node, opset: context.opset(Domain.canonical(node.domain)), inputs: inputs, subgraphs: bodies, runsConstants: options.runsConstants)
    }

    private func infer(
        _ function: Function, calledBy node: Node, _ index: Int, _ inputs: [Fact?], in graph: InferredGraph, _ context: Context
    ) throws -> [Fact] {
        guard inputs.count <= function.inputs.count, node.outputs.count <= function.outputs.count else {
            throw ModelError(
                .invalidGraph,
                "has \(function.inputs.count) inputs and \(function.outputs.count) outputs, it is called with \(inputs.count) and \(node.outputs.count)")
        }
        let body = InferredGraph(outer: nil)
        for (name, fact) in zip(function.inputs, inputs) { body.facts[name] = fact ?? .unknown }
        var attributes: [Name: Attribute] = [:]
        for attribute in function.attributeDefaults + node.attributes { if let name = attribute.name { attributes[name] = attribute } }
        let opsets = function.opsetImports.isEmpty ? context.opsets : Domain.versions(function.opsetImports)
        place += [node.label, "function '\(function.name ?? "")'"]
        defer { place.removeLast(2) }
        infer(function.nodes, into: body, Context(opsets: opsets, attributes: attributes, depth: context.depth + 1), declared: [:])
        graph.bodies[InferredGraph.Body(node: index, attribute: nil)] = body
        return function.outputs.map { body.fact($0) }
    }

    fileprivate func infer(_ body: Graph, of node: Node, _ key: InferredGraph.Body, inputs: [Fact], in graph: InferredGraph, _ context: Context) throws -> [Fact] {
        let result = InferredGraph(outer: graph)
        guard inputs.count <= body.inputs.count else {
            throw ModelError(.invalidGraph, "graph '\(key.attribute ?? "")' has \(body.inputs.count) inputs, it is given \(inputs.count)")
        }
        for (index, info) in body.inputs.enumerated() {
            guard let name = info.name else { continue }
            let stated = declared.fact(info), given = index < inputs.count ? inputs[index] : .unknown
            result.facts[name] = declared.merged(given, stated) { _ in }
        }
        var inner = context
        inner.depth += 1
        place += [node.label, "graph '\(key.attribute ?? "")'"]
        defer { place.removeLast(2) }
        infer(body, into: result, inner)
        graph.bodies[key] = result
        return body.outputs.map { result.fact($0.name ?? "") }
    }

    private func report(_ problem: ModelError) {
        let problem = ModelError(problem.code, problem.message, at: place + problem.place)
        if problems.count < Self.maximumProblems, !problems.contains(problem) { problems.append(problem) }
    }
}

/// The subgraphs of one node.
private struct NodeBodies: SubgraphInference {
    let inference: Inference
    let node: Node
    let index: Int
    let graph: InferredGraph
    let context: Inference.Context

    func infer(_ attribute: Name, inputs: [Fact]) throws -> [Fact] {
        guard case .graph(let body)? = node.attribute(attribute)?.value else { throw ModelError(.invalidGraph, "attribute '\(attribute)' is missing") }
        return try inference.infer(body, of: node, InferredGraph.Body(node: index, attribute: attribute), inputs: inputs, in: graph, context)
    }
}
