internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes the plans of a model's graph, of its subgraphs, and of the functions that it calls.
///
/// A function is planned anew for each call that may give it attributes, with the attributes in place; one without is
/// planned once.
final class Planner {
    /// Graphs inside graphs and calls inside functions, together; a run recurses as deep.
    static let maximumDepth = 100
    /// Nodes of all plans together.
    static let maximumNodeCount = 2_000_000

    private let functions: [FunctionKey: Function]
    private let constants: Constant.Owner
    /// What an operator stands for; nil for one that is not supported.
    private struct FoundOperation {
        let domain: Name
        let operation: Operation?
    }

    /// By domain and name in one, as far as they were asked for.
    private var operations = NameTable<FoundOperation>(16)
    private var plannedFunctions: [FunctionKey: Plan] = [:]
    private var unsupported = UnsupportedOperators()
    private var nodeCount = 0

    private init(_ model: Model, maximumTensorBytes: Int) {
        functions = model.functions.isEmpty ? [:] : Dictionary(model.functions.map { (FunctionKey($0), $0) }) { first, _ in first }
        constants = Constant.Owner(maximumBytes: maximumTensorBytes)
    }

    static func plan(_ model: Model, maximumTensorBytes: Int) throws -> Plan {
        let planner = Planner(model, maximumTensorBytes: maximumTensorBytes)
        let context = Context(opsets: Opsets(model.opsetImports), attributes: nil, depth: 1)
        let plan = try planner.plan(model.graph, outer: nil, context)
        try planner.unsupported.check()
        return plan
    }

    /// What holds for all nodes of a body.
    struct Context {
        let opsets: Opsets
        /// What references to attributes stand for; nil outside of functions.
        let attributes: [Name: Attribute]?
        let depth: Int

        func deeper() -> Context { Context(opsets: opsets, attributes: attributes, depth: depth + 1) }

    }

    /// The versions that a model or a function imports.
    struct Opsets {
        private struct Import {
            let domain: Name
            let version: Int
        }

        /// A handful.
        private let imports: [Import]

        init(_ imports: [OpsetImport]) {
            self.imports = imports.map { Import(domain: Domain.canonical($0.domain), version: Int($0.version ?? 0)) }
        }

        /// Opset 1 where the model does not say: it was the only one when models did not. The first of several counts.
        subscript(domain: Name) -> Int {
            for known in imports where known.domain == domain { return known.version }
            return 1
        }
    }

    private func plan(_ graph: Graph, outer: Scope?, _ context: Context) throws -> Plan {
        let scope = Scope(outer: outer, expected: graph.initializers.count + graph.inputs.count + graph.nodes.count)
        // Not copied tensor by tensor, as each has many parts.
        let tensors = graph.initializers
        for index in tensors.indices {
            guard let name = tensors[index].name, !name.isEmpty else { continue }
            scope.declare(name, Constant(tensors[index].elementType, dims: tensors[index].dims, encoding: tensors[index].encoding, constants))
        }
        for sparse in graph.sparseInitializers {
            guard let name = sparse.values?.name, !name.isEmpty else { continue }
            scope.declare(name, Constant(sparse, constants))
        }
        var inputs: [Plan.Input] = []
        for info in graph.inputs {
            let name = info.name ?? ""
            guard let (slot, standard) = scope.declareInput(name) else { throw ModelError(.invalidGraph, "input '\(name)' is there twice") }
            inputs.append(Plan.Input(name: name, info: info, slot: slot, standard: standard))
        }
        return try plan(graph.nodes, scope, inputs: inputs, outputs: graph.outputs.map { $0.name ?? "" }, context)
    }

    private func plan(_ nodes: [Node], _ scope: Scope, inputs: [Plan.Input], outputs: [Name], _ context: Context) throws -> Plan {
        guard context.depth <= Self.maximumDepth else {
            throw ModelError(.limit, "graphs and function calls are nested more than \(Self.maximumDepth) deep; does a function call itself?")
        }
        nodeCount += nodes.count
        guard nodeCount <= Self.maximumNodeCount else {
            throw ModelError(.limit, "stands for more than \(Self.maximumNodeCount) nodes when its function calls are replaced by their bodies")
        }
        let nodes = context.attributes == nil ? nodes : nodes.map { $0.resolvingReferences(context.attributes) }
        var targets: [(outputs: [Int?]?, firstSlot: Int)] = []
        targets.reserveCapacity(nodes.count)
        // Nodes have many parts: they are read where they lie, and copied once, into their step.
        for index in nodes.indices {
            let firstSlot = scope.slotCount
            targets.append((try within(nodes[index].label) { try declareOutputs(of: nodes, index, scope) }, firstSlot))
        }
        let end = scope.slotCount
        var steps: [Plan.Step] = []
        steps.reserveCapacity(nodes.count)
        for index in nodes.indices {
            guard let made = targets[index].outputs else { continue }
            scope.ahead = targets[index].firstSlot..<end
            steps.append(try within(nodes[index].label) { try step(nodes, index, made, scope, context) })
        }
        scope.ahead = end..<end
        let results = try outputs.map { name -> Plan.Operand in
            guard let operand = scope.resolve(name) else { throw ModelError(.invalidGraph, "output '\(name)' is made by no node") }
            return operand
        }
        return Plan(
            inputs: inputs, outputs: results, outputNames: outputs, captures: scope.captures,
            steps: scope.readsAhead ? try PlanOrder.sorted(steps, slotCount: scope.slotCount) : steps, slotCount: scope.slotCount, isMain: context.depth == 1)
    }

    /// Slots for what the node makes. Nil for a Constant of a plain tensor, which is no step but a constant like an initializer.
    private func declareOutputs(of nodes: [Node], _ index: Int, _ scope: Scope) throws -> [Int?]? {
        if nodes[index].opType == "Constant", nodes[index].outputs.count == 1, let tensor = constant(of: nodes[index]) {
            let output = nodes[index].outputs[0]
            guard scope.declareOutput(output, Constant(tensor.elementType, dims: tensor.dims, encoding: tensor.encoding, constants)) else { throw taken(output) }
            return nil
        }
        return try nodes[index].outputs.map { name in
            if name.isEmpty { return nil }
            guard let slot = scope.declare(name) else { throw taken(name) }
            return slot
        }
    }

    private func taken(_ name: Name) -> ModelError {
        ModelError(.invalidGraph, "makes '\(name)', which there is already; names are given once")
    }

    /// The tensor of a Constant, if it is one.
    private func constant(of node: Node) -> Tensor? {
        guard Domain.canonical(node.domain).isEmpty, node.attributes.count == 1, function(of: node) == nil,
            case .tensor(let tensor)? = node.attributes.value(of: "value")
        else { return nil }
        return tensor
    }

    /// The function that a node calls.
    private func function(of node: Node) -> Function? { functions.isEmpty ? nil : functions[FunctionKey(node)] }

    private func step(_ nodes: [Node], _ index: Int, _ targets: [Int?], _ scope: Scope, _ context: Context) throws -> Plan.Step {
        let operands = try nodes[index].inputs.map { name -> Plan.Operand in
            if name.isEmpty { return .none }
            guard let operand = scope.resolve(name) else { throw ModelError(.invalidGraph, "reads '\(name)', which nothing makes") }
            return operand
        }
        let domain = Domain.canonical(nodes[index].domain), opset = context.opsets[domain]
        if !functions.isEmpty, let function = function(of: nodes[index]) {
            let plan = try within(function.place.description) { try self.plan(function, calledBy: nodes[index], context) }
            return Plan.Step(node: nodes[index], opset: opset, action: .function(plan), operands: operands, outputs: targets, subgraphs: [:])
        }
        var subgraphs: [Name: Plan] = [:]
        for attribute in nodes[index].attributes.indices {
            guard case .graph(let graph) = nodes[index].attributes[attribute].value, let name = nodes[index].attributes[attribute].name else { continue }
            subgraphs[name] = try within("graph '\(name)'") { try self.plan(graph, outer: scope, context.deeper()) }
        }
        let operation = operation(nodes[index].opType ?? "", domain: domain)
        if operation == nil { unsupported.add(nodes[index], opset: opset) }
        // What is not supported is never run.
        return Plan.Step(
            node: nodes[index], opset: opset, action: .kernel(operation ?? Operation("Identity", Identity.self)), operands: operands, outputs: targets,
            subgraphs: subgraphs)
    }

    private func operation(_ opType: Name, domain: Name) -> Operation? {
        let name = domain.isEmpty ? opType : Name("\(domain.text):\(opType.text)")
        // Other names may be the same in one: "com.microsoft:Gelu" of the default domain.
        if let entry = operations.find(name), case let found = operations[entry], found.domain == domain { return found.operation }
        let operation = Operators.runnable(opType, domain: domain).map { Operation(name.text, $0) }
        _ = operations.insert(name, FoundOperation(domain: domain, operation: operation))
        return operation
    }

    private func plan(_ function: Function, calledBy node: Node, _ context: Context) throws -> Plan {
        guard node.inputs.count <= function.inputs.count, node.outputs.count <= function.outputs.count else {
            throw ModelError(
                .invalidGraph,
                "has \(function.inputs.count) inputs and \(function.outputs.count) outputs, it is called with \(node.inputs.count) and \(node.outputs.count)")
        }
        let takesAttributes = !function.attributeNames.isEmpty || !function.attributeDefaults.isEmpty
        if !takesAttributes, let plan = plannedFunctions[FunctionKey(function)] { return plan }
        var attributes: [Name: Attribute] = [:]
        for attribute in function.attributeDefaults + node.attributes { if let name = attribute.name { attributes[name] = attribute } }
        let opsets = function.opsetImports.isEmpty ? context.opsets : Opsets(function.opsetImports)
        let scope = Scope(outer: nil, expected: function.inputs.count + function.nodes.count)
        let inputs = try function.inputs.map { name in
            guard let slot = scope.declare(name) else { throw ModelError(.invalidGraph, "input '\(name)' is there twice") }
            return Plan.Input(name: name, info: ValueInfo(name: name, type: nil), slot: slot, standard: nil)
        }
        let inner = Context(opsets: opsets, attributes: attributes, depth: context.depth + 1)
        let plan = try plan(function.nodes, scope, inputs: inputs, outputs: function.outputs, inner)
        if !takesAttributes { plannedFunctions[FunctionKey(function)] = plan }
        return plan
    }
}
