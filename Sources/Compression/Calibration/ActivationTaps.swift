internal import ModelGraph
internal import Tensors

/// A model in which values of branches and loop bodies can be seen from outside: each is handed out through the nodes around it, of all rounds of a `Loop` or
/// `Scan` together.
struct ActivationTaps {
    /// A value by its name and the graph it is known in.
    struct Key: Hashable {
        let scope: Place
        let name: Name
    }

    private(set) var model: Model
    /// The name under which a value is seen in the main graph.
    private(set) var names: [Key: Name] = [:]
    private var wanted: [Place: Set<Name>] = [:]
    private var number = 0
    private var isInLoop = 0
    private var taken: Set<Name> = []
    private let opensLoops: Bool
    /// Values of loop bodies are among those that are seen.
    private(set) var hasLoops = false

    /// Without `opensLoops`, bodies stay as they are: a value that has other dims in each round cannot be handed out.
    init(_ model: Model, _ keys: Set<Key>, opensLoops: Bool = true) {
        self.model = model
        self.opensLoops = opensLoops
        let main = Place([.graph(model.graph.name)])
        for key in keys {
            if key.scope == main { names[key] = key.name } else { wanted[key.scope, default: []].insert(key.name) }
        }
        guard !wanted.isEmpty else { return }
        model.forEachNode { node, _ in taken.formUnion(node.outputs) }
        var graph = self.model.graph
        _ = expose(&graph, main, isMain: true)
        self.model.graph = graph
    }

    /// Hands out what is wanted of `graph` and of the branches within it; returns the names that are now values of `graph`.
    private mutating func expose(_ graph: inout Graph, _ scope: Place, isMain: Bool) -> [(tap: Name, key: Key)] {
        var exposed: [(tap: Name, key: Key)] = []
        for index in graph.nodes.indices where ["If", "Loop", "Scan"].contains(graph.nodes[index].opType?.text ?? "") {
            var node = graph.nodes[index], taps: [[(tap: Name, key: Key)]] = []
            let at = scope.appending(node)
            if node.opType != "If" {
                if opensLoops { exposed += exposeBody(of: &node, at, isMain: isMain) }
                graph.nodes[index] = node
                continue
            }
            // In each round another branch may run, and what the others do not make has no dims.
            if isInLoop > 0 { continue }
            for attribute in node.attributes.indices {
                guard case .graph(var branch) = node.attributes[attribute].value else { continue }
                taps.append(expose(&branch, at.appending(.attribute(node.attributes[attribute].name)).appending(.graph(branch.name)), isMain: false))
                node.attributes[attribute].value = .graph(branch)
            }
            let all = taps.flatMap(\.self)
            guard !all.isEmpty else { continue }
            var branchNumber = 0
            for attribute in node.attributes.indices {
                guard case .graph(var branch) = node.attributes[attribute].value else { continue }
                for (owner, list) in taps.enumerated() {
                    for tap in list {
                        // The other branch has nothing to show.
                        if owner != branchNumber {
                            let nothing = Tensor(.float, dims: [0], bytes: .empty)
                            branch.nodes.append(Node("Constant", outputs: [tap.tap], attributes: [Attribute("value", .tensor(nothing))]))
                        }
                        branch.outputs.append(ValueInfo(name: tap.tap, type: nil))
                    }
                }
                node.attributes[attribute].value = .graph(branch)
                branchNumber += 1
            }
            // In a graph of its own, a tap's name is free again.
            var renamed: [(tap: Name, key: Key)] = []
            for tap in all {
                let name = freshName()
                node.outputs.append(name)
                renamed.append((name, tap.key))
                if isMain { names[tap.key] = name }
            }
            graph.nodes[index] = node
            exposed += renamed
        }
        if !isMain {
            for name in (wanted[scope] ?? []).sorted() {
                let tap = freshName()
                graph.nodes.append(Node("Identity", inputs: [name], outputs: [tap]))
                exposed.append((tap, Key(scope: scope, name: name)))
            }
        }
        return exposed
    }

    /// Taps of a body become scan outputs, behind those that are there.
    private mutating func exposeBody(of node: inout Node, _ at: Place, isMain: Bool) -> [(tap: Name, key: Key)] {
        guard let index = node.attributes.firstIndex(where: { $0.name == "body" }), case .graph(var body) = node.attributes[index].value else { return [] }
        // An output that is left out at the end still has its place.
        let missing = body.outputs.count - (node.opType == "Loop" ? 1 : 0) - node.outputs.count
        guard missing >= 0, missing < 1 << 10 else { return [] }
        isInLoop += 1
        let taps = expose(&body, at.appending(.attribute("body")).appending(.graph(body.name)), isMain: false)
        isInLoop -= 1
        guard !taps.isEmpty else { return [] }
        node.outputs += [Name](repeating: "", count: missing)
        for axis in node.attributes.indices where node.attributes[axis].name == "scan_output_axes" || node.attributes[axis].name == "scan_output_directions" {
            if case .ints(let values) = node.attributes[axis].value { node.attributes[axis].value = .ints(values + taps.map { _ in 0 }) }
        }
        var exposed: [(tap: Name, key: Key)] = []
        for tap in taps {
            body.outputs.append(ValueInfo(name: tap.tap, type: nil))
            let name = freshName()
            node.outputs.append(name)
            exposed.append((name, tap.key))
            if isMain { names[tap.key] = name }
        }
        node.attributes[index].value = .graph(body)
        hasLoops = true
        return exposed
    }

    private mutating func freshName() -> Name {
        repeat { number += 1 } while taken.contains(Name("tap \(number)"))
        return Name("tap \(number)")
    }
}
