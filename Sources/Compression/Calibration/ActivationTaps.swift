internal import ModelGraph
internal import Tensors

/// A model in which values of branches, loop bodies and functions can be seen from outside: each is handed out through the nodes around it, of all rounds of a
/// `Loop` or `Scan` together, of a function by each call of it.
struct ActivationTaps {
    /// A value by its name and the graph or function it is known in.
    struct Key: Hashable {
        let scope: Place
        let name: Name
        /// In a function: the last calls on the way to it, the outer ones first; others do not count. None: all calls count.
        var calls: [Place] = []
    }

    /// A value that a graph or function hands out.
    private struct Tap {
        /// Under this name.
        let name: Name
        /// What it is known as where it is made.
        let scope: Place
        let source: Name
        /// The calls from here to there.
        let calls: [Place]

        func handed(on name: Name, through call: Place? = nil) -> Tap {
            Tap(name: name, scope: scope, source: source, calls: (call.map { [$0] } ?? []) + calls)
        }
    }

    private(set) var model: Model
    /// The names under which a value is seen in the main graph; of a function's as many as it is called from there.
    private(set) var names: [Key: [Name]] = [:]
    private var wanted: [Place: Set<Name>] = [:]
    private var number = 0
    private var isInLoop = 0
    private var taken: Set<Name> = []
    private let opening: Opening
    private var functions: [FunctionKey: Int] = [:]
    private var ofFunctions: [FunctionKey: [Tap]] = [:]
    private var open: Set<FunctionKey> = []
    private var count = 0
    /// Values of loop bodies, of functions are among those that are seen.
    private(set) var hasLoops = false
    private(set) var hasFunctions = false

    /// What values are looked for in.
    struct Opening {
        /// A value of a loop's body that has other dims in each round cannot be handed out.
        var loops = true
        var functions = true
    }

    /// Calls of calls may be without number; so many values are handed out.
    private static let most = 4096

    init(_ model: Model, _ keys: Set<Key>, opening: Opening = Opening()) {
        self.model = model
        self.opening = opening
        let main = Place([.graph(model.graph.name)])
        for key in keys {
            if key.scope == main { names[key] = [key.name] } else { wanted[key.scope, default: []].insert(key.name) }
        }
        guard !wanted.isEmpty else { return }
        model.forEachNode { node, _ in taken.formUnion(node.outputs) }
        if opening.functions {
            for (index, function) in model.functions.enumerated() where functions[FunctionKey(function)] == nil { functions[FunctionKey(function)] = index }
        }
        var graph = self.model.graph
        let taps = expose(&graph.nodes, main)
        self.model.graph = graph
        for key in keys where key.scope != main {
            let seen = taps.filter { $0.scope == key.scope && $0.source == key.name && $0.calls.suffix(key.calls.count) == key.calls[...] }
            if !seen.isEmpty { names[key] = seen.map(\.name) }
        }
    }

    /// Hands out what is wanted of what `nodes` hold and call; returns the names that are now values beside them.
    private mutating func expose(_ nodes: inout [Node], _ scope: Place) -> [Tap] {
        var exposed: [Tap] = []
        for index in nodes.indices {
            if functions[FunctionKey(nodes[index])] != nil {
                exposed += exposeCall(&nodes[index], scope)
                continue
            }
            switch nodes[index].opType?.text {
            case "If": exposed += exposeBranches(of: &nodes[index], scope)
            case "Loop", "Scan": if opening.loops { exposed += exposeBody(of: &nodes[index], scope.appending(nodes[index])) }
            default: break
            }
        }
        return exposed
    }

    /// The same for a body, with what is wanted of its own values.
    private mutating func exposeAll(_ nodes: inout [Node], _ scope: Place) -> [Tap] {
        var exposed = expose(&nodes, scope)
        for name in (wanted[scope] ?? []).sorted() {
            let tap = freshName()
            nodes.append(Node("Identity", inputs: [name], outputs: [tap]))
            exposed.append(Tap(name: tap, scope: scope, source: name, calls: []))
        }
        return exposed
    }

    private mutating func exposeBranches(of node: inout Node, _ scope: Place) -> [Tap] {
        // In each round another branch may run, and what the others do not make has no dims.
        if isInLoop > 0 { return [] }
        let at = scope.appending(node)
        var taps: [[Tap]] = []
        for attribute in node.attributes.indices {
            guard case .graph(var branch) = node.attributes[attribute].value else { continue }
            taps.append(exposeAll(&branch.nodes, at.appending(.attribute(node.attributes[attribute].name)).appending(.graph(branch.name))))
            node.attributes[attribute].value = .graph(branch)
        }
        let all = taps.flatMap(\.self)
        guard !all.isEmpty else { return [] }
        var branchNumber = 0
        for attribute in node.attributes.indices {
            guard case .graph(var branch) = node.attributes[attribute].value else { continue }
            for (owner, list) in taps.enumerated() {
                for tap in list {
                    // The other branch has nothing to show.
                    if owner != branchNumber {
                        let nothing = Tensor(.float, dims: [0], bytes: .empty)
                        branch.nodes.append(Node("Constant", outputs: [tap.name], attributes: [Attribute("value", .tensor(nothing))]))
                    }
                    branch.outputs.append(ValueInfo(name: tap.name, type: nil))
                }
            }
            node.attributes[attribute].value = .graph(branch)
            branchNumber += 1
        }
        // In a graph of its own, a tap's name is free again.
        return handOut(all, by: &node)
    }

    private mutating func handOut(_ taps: [Tap], by node: inout Node, call: Place? = nil) -> [Tap] {
        taps.map { tap in
            let name = freshName()
            node.outputs.append(name)
            return tap.handed(on: name, through: call)
        }
    }

    /// Taps of a body become scan outputs, behind those that are there.
    private mutating func exposeBody(of node: inout Node, _ at: Place) -> [Tap] {
        guard let index = node.attributes.firstIndex(where: { $0.name == "body" }), case .graph(var body) = node.attributes[index].value else { return [] }
        // An output that is left out at the end still has its place.
        let missing = body.outputs.count - (node.opType == "Loop" ? 1 : 0) - node.outputs.count
        guard missing >= 0, missing < 1 << 10 else { return [] }
        isInLoop += 1
        let taps = exposeAll(&body.nodes, at.appending(.attribute("body")).appending(.graph(body.name)))
        isInLoop -= 1
        guard !taps.isEmpty else { return [] }
        node.outputs += [Name](repeating: "", count: missing)
        for axis in node.attributes.indices where node.attributes[axis].name == "scan_output_axes" || node.attributes[axis].name == "scan_output_directions" {
            if case .ints(let values) = node.attributes[axis].value { node.attributes[axis].value = .ints(values + taps.map { _ in 0 }) }
        }
        for tap in taps { body.outputs.append(ValueInfo(name: tap.name, type: nil)) }
        node.attributes[index].value = .graph(body)
        hasLoops = true
        return handOut(taps, by: &node)
    }

    /// Taps of a function become outputs of it, and of each call.
    private mutating func exposeCall(_ node: inout Node, _ scope: Place) -> [Tap] {
        let key = FunctionKey(node)
        guard let index = functions[key] else { return [] }
        let taps = exposeFunction(key, index), missing = model.functions[index].outputs.count - taps.count - node.outputs.count
        guard !taps.isEmpty, missing >= 0, count + taps.count <= Self.most else { return [] }
        count += taps.count
        let call = scope.appending(node)
        node.outputs += [Name](repeating: "", count: missing)
        hasFunctions = true
        return handOut(taps, by: &node, call: call)
    }

    private mutating func exposeFunction(_ key: FunctionKey, _ index: Int) -> [Tap] {
        if let made = ofFunctions[key] { return made }
        // One that calls itself is refused when it is to run.
        guard open.insert(key).inserted else { return [] }
        // Also what is in a branch there: whether a call stands in a loop differs from call to call.
        let loops = isInLoop
        isInLoop = 0
        var nodes = model.functions[index].nodes
        let taps = exposeAll(&nodes, model.functions[index].place)
        isInLoop = loops
        model.functions[index].nodes = nodes
        model.functions[index].outputs += taps.map(\.name)
        open.remove(key)
        ofFunctions[key] = taps
        return taps
    }

    private mutating func freshName() -> Name {
        repeat { number += 1 } while taken.contains(Name("tap \(number)"))
        return Name("tap \(number)")
    }
}
