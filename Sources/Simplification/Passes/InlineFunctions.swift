internal import ModelGraph
internal import Operators
internal import Tensors

/// Puts the bodies of local functions in the place of their calls.
///
/// Applies to calls from the main graph and the graphs in it, also of functions that call others. Inner values get new names, references to attributes
/// become the values that the call or the function's defaults give. Leaves alone a function whose operators mean something else in the operator sets of
/// the model, and all calls if the model would then have more than `largest` nodes. Functions that nobody calls any more go, unless training needs them.
enum InlineFunctions: ModelPass {
    static let name = "inline-functions"
    static let summary = "calls of local functions become their bodies, where that makes the model smaller in the end"
    static let largest = 200_000

    static func run(_ model: inout Model, _ log: inout PassLog) throws {
        guard !model.functions.isEmpty else { return }
        var inliner = FunctionInliner(model)
        guard let graph = inliner.inlined(model.graph, depth: 0), inliner.count > 0 else { return }
        log.did("\(counted(inliner.count, "call"))")
        model.graph = graph
        for (domain, version) in inliner.newImports.sorted(by: { $0.key < $1.key }) { model.opsetImports.append(OpsetImport(domain: domain, version: version)) }
        guard model.trainingInfo.isEmpty else { return }
        let called = model.calledFunctions()
        model.functions.removeAll { !called.contains(FunctionKey($0)) }
    }
}

extension Model {
    /// Functions that the graph calls, directly or through others.
    func calledFunctions() -> Set<FunctionKey> {
        let bodies = Dictionary(functions.map { (FunctionKey($0), $0.nodes) }) { first, _ in first }
        var found: Set<FunctionKey> = [], pending = [graph.nodes]
        while let nodes = pending.popLast() {
            for node in nodes {
                for attribute in node.attributes {
                    switch attribute.value {
                    case .graph(let graph): pending.append(graph.nodes)
                    case .graphs(let graphs): pending += graphs.map(\.nodes)
                    default: break
                    }
                }
                if let body = bodies[FunctionKey(node)], found.insert(FunctionKey(node)).inserted { pending.append(body) }
            }
        }
        return found
    }
}

/// Replaces calls in one graph after the other. Functions do not call themselves: that was checked.
private struct FunctionInliner {
    private let functions: [FunctionKey: Function]
    private let opsets: [Name: Int64]
    /// Imports that bodies need and the model does not have.
    private(set) var newImports: [Name: Int64] = [:]
    /// Calls that were replaced.
    private(set) var count = 0
    private var usable: [FunctionKey: Bool] = [:]
    private var taken: Set<Name> = []
    private var fresh = 0
    private var nodeCount = 0

    init(_ model: Model) {
        functions = Dictionary(model.functions.map { (FunctionKey($0), $0) }) { first, _ in first }
        opsets = Domain.versions(model.opsetImports)
        var names: Set<Name> = []
        model.forEachGraph { graph, _ in
            for node in graph.nodes { names.formUnion(node.outputs) }
            names.formUnion((graph.inputs + graph.valueInfos).compactMap(\.name))
            names.formUnion(graph.initializers.compactMap(\.name) + graph.sparseInitializers.compactMap { $0.values?.name })
        }
        taken = names
    }

    /// Nil if it grows too large.
    mutating func inlined(_ graph: Graph, depth: Int) -> Graph? {
        guard let nodes = inlined(graph.nodes, depth: depth) else { return nil }
        var copy = graph
        copy.nodes = nodes
        return copy
    }

    private mutating func inlined(_ nodes: [Node], depth: Int) -> [Node]? {
        var result: [Node] = []
        result.reserveCapacity(nodes.count)
        for node in nodes {
            nodeCount += 1
            guard nodeCount <= InlineFunctions.largest, depth < 100 else { return nil }
            if let function = functions[FunctionKey(node)], isUsable(function), node.unknownFields.isEmpty, node.deviceConfigurations.isEmpty {
                count += 1
                guard let body = inlined(body(of: function, calledBy: node), depth: depth + 1) else { return nil }
                result += body
                continue
            }
            var copy = node
            for index in copy.attributes.indices {
                switch copy.attributes[index].value {
                case .graph(let graph):
                    guard let inner = inlined(graph, depth: depth + 1) else { return nil }
                    copy.attributes[index].value = .graph(inner)
                case .graphs(let graphs):
                    var inner: [Graph] = []
                    for graph in graphs {
                        guard let one = inlined(graph, depth: depth + 1) else { return nil }
                        inner.append(one)
                    }
                    copy.attributes[index].value = .graphs(inner)
                default: break
                }
            }
            result.append(copy)
        }
        return result
    }

    /// True if each operator of the body means the same in the model's operator sets.
    private mutating func isUsable(_ function: Function) -> Bool {
        let key = FunctionKey(function)
        if let known = usable[key] { return known }
        let own = function.opsetImports.isEmpty ? opsets : Domain.versions(function.opsetImports)
        var pending = [function.nodes], result = function.unknownFields.isEmpty, imports: [Name: Int64] = [:]
        while result, let nodes = pending.popLast() {
            for node in nodes {
                let domain = Domain.canonical(node.domain)
                for case .graph(let graph) in node.attributes.map(\.value) { pending.append(graph.nodes) }
                if functions[FunctionKey(node)] != nil { continue }
                guard let version = own[domain] else { continue }
                guard let outer = opsets[domain] ?? newImports[domain] ?? imports[domain] else {
                    imports[domain] = version
                    continue
                }
                let name = node.opType ?? ""
                if outer != version, OperatorSchemas.lookUp(name, domain: domain, version: outer) != OperatorSchemas.lookUp(name, domain: domain, version: version) {
                    result = false
                }
            }
        }
        usable[key] = result
        if result { newImports.merge(imports) { first, _ in first } }
        return result
    }

    private mutating func freshName() -> Name {
        while true {
            let name = Name("f\(fresh)")
            fresh += 1
            if taken.insert(name).inserted { return name }
        }
    }

    /// The nodes that one call stands for.
    private mutating func body(of function: Function, calledBy node: Node) -> [Node] {
        var names: [Name: Name] = [:], copies: [Node] = []
        for (index, input) in function.inputs.enumerated() { names[input] = index < node.inputs.count ? node.inputs[index] : "" }
        for (index, output) in function.outputs.enumerated() where index < node.outputs.count && !node.outputs[index].isEmpty {
            // What is an input too, or comes out twice, needs a node of its own.
            if let known = names[output] {
                copies.append(Node("Identity", inputs: [known], outputs: [node.outputs[index]]))
            } else {
                names[output] = node.outputs[index]
            }
        }
        var given: [Name: Attribute] = [:]
        for attribute in function.attributeDefaults + node.attributes { if let name = attribute.name { given[name] = attribute } }
        return function.nodes.map { renamed($0, &names, given) } + copies
    }

    private mutating func renamed(_ node: Node, _ names: inout [Name: Name], _ given: [Name: Attribute]) -> Node {
        var copy = node
        copy.outputs = node.outputs.map { define($0, &names) }
        copy.inputs = node.inputs.map { define($0, &names) }
        copy.attributes = node.attributes.compactMap { attribute in
            var attribute = attribute
            if let reference = attribute.referenceName {
                guard let value = given[reference]?.value else { return nil }
                attribute = Attribute(attribute.name, value)
            }
            switch attribute.value {
            case .graph(let graph): attribute.value = .graph(renamed(graph, &names, given))
            case .graphs(let graphs): attribute.value = .graphs(graphs.map { renamed($0, &names, given) })
            default: break
            }
            return attribute
        }
        return copy
    }

    private mutating func renamed(_ graph: Graph, _ names: inout [Name: Name], _ given: [Name: Attribute]) -> Graph {
        // Names of one subgraph may come again in the next one.
        var inner = names
        var copy = graph
        let own = graph.inputs.compactMap(\.name) + graph.initializers.compactMap(\.name) + graph.sparseInitializers.compactMap { $0.values?.name }
            + graph.nodes.flatMap(\.outputs)
        for name in own where !name.isEmpty { inner[name] = freshName() }
        for index in copy.inputs.indices { copy.inputs[index].name = copy.inputs[index].name.map { define($0, &inner) } }
        for index in copy.initializers.indices { copy.initializers[index].name = copy.initializers[index].name.map { define($0, &inner) } }
        for index in copy.sparseInitializers.indices {
            guard let name = copy.sparseInitializers[index].values?.name else { continue }
            copy.sparseInitializers[index].values?.name = define(name, &inner)
        }
        copy.nodes = graph.nodes.map { renamed($0, &inner, given) }
        for index in copy.outputs.indices { copy.outputs[index].name = copy.outputs[index].name.map { define($0, &inner) } }
        copy.valueInfos = []
        copy.quantizationAnnotations = []
        return copy
    }

    private mutating func define(_ name: Name, _ names: inout [Name: Name]) -> Name {
        if name.isEmpty { return name }
        if let known = names[name] { return known }
        let new = freshName()
        names[name] = new
        return new
    }
}
