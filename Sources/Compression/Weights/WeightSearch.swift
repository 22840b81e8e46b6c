public import ModelGraph
internal import Tensors

extension Model {
    /// Every float tensor of the model that could be a weight: initializers and `Constant` nodes, of the graph, of graphs within nodes and of
    /// functions. One that several nodes read is there once. Those that stay as they are come with the reason.
    /// `smallest`: elements below which they do; `ofProducts`: the same for weights of convolutions and matrix products.
    public func weights(smallest: Int = Weight.smallest, ofProducts: Int? = nil) -> [Weight] {
        var search = WeightSearch(smallest: smallest, ofProducts: ofProducts ?? smallest)
        visit(&search)
        return search.weights()
    }
}

extension Weight {
    /// Elements below which a tensor is not worth its scale.
    public static let smallest = 512
}

/// Values have one name in a graph and all that are in it, so that users are found by name within the model's graph and each function. What is given to a function
/// is used by what is in it.
private struct WeightSearch: ModelVisitor {
    private struct User {
        let node: Node
        let index: Int
        let scope: Place
        let place: Place
    }

    /// What a name stands for in the model's graph or a function, and the calls on the way to it.
    private struct Reached: Hashable {
        let owner: Int
        let name: Name
        var calls: [Place] = []
    }

    private struct Found {
        let name: Name
        let tensor: Tensor
        let place: Place
        let owner: Int
    }

    private let smallest: Int
    private let smallestOfProducts: Int
    private var found: [Found] = []
    private var users: [[Name: [User]]] = []
    private var scopes: [Place] = []
    private var node: [Node] = []
    private var functions: [FunctionKey: (owner: Int, inputs: [Name])] = [:]

    /// Calls of calls may be without number.
    private static let mostReached = 10_000

    init(smallest: Int, ofProducts: Int) {
        self.smallest = smallest
        smallestOfProducts = ofProducts
    }

    mutating func enter(_ graph: Graph, at place: Place) {
        if scopes.isEmpty { users.append([:]) }
        scopes.append(place)
    }

    mutating func leave(_ graph: Graph, at place: Place) { scopes.removeLast() }

    mutating func enter(_ function: Function, at place: Place) {
        if functions[FunctionKey(function)] == nil { functions[FunctionKey(function)] = (users.count, function.inputs) }
        users.append([:])
        scopes.append(place)
    }

    mutating func leave(_ function: Function, at place: Place) { scopes.removeLast() }

    mutating func enter(_ node: Node, at place: Place) {
        self.node = [node]
        for (index, input) in node.inputs.enumerated() where !input.isEmpty {
            users[users.count - 1][input, default: []].append(User(node: node, index: index, scope: scopes[scopes.count - 1], place: place))
        }
    }

    mutating func visit(_ tensor: Tensor, at place: Place) {
        guard tensor.elementType.isQuantizable, let count = tensor.elementCount, count > 0 else { return }
        switch place.steps.last {
        case .initializer: found.append(Found(name: tensor.name ?? "", tensor: tensor, place: place, owner: users.count - 1))
        case .attribute(let name):
            // A loop over the attributes of the node that was entered last: its graphs are other values.
            if let node = node.first, node.opType == "Constant", name == "value", let output = node.outputs.first {
                found.append(Found(name: output, tensor: tensor, place: place, owner: users.count - 1))
            } else {
                found.append(Found(name: "", tensor: tensor, place: place, owner: -1))
            }
        case .sparseValues: found.append(Found(name: tensor.name ?? "", tensor: tensor, place: place, owner: -2))
        default: found.append(Found(name: tensor.name ?? "", tensor: tensor, place: place, owner: -1))
        }
    }

    func weights() -> [Weight] {
        found.map { found in
            var weight = Weight(
                users: [], name: found.name, place: found.place, elementType: found.tensor.elementType, dims: found.tensor.dims, reasonToStay: nil,
                view: .unknown(found.tensor.dims.isEmpty ? [1] : found.tensor.dims), product: nil)
            weight.reasonToStay = reason(found, &weight)
            return weight
        }
    }

    private func reason(_ found: Found, _ weight: inout Weight) -> String? {
        if found.owner == -2 { return "its zeros are left out already (sparse_initializer)" }
        guard found.owner >= 0 else { return "an attribute, not a weight" }
        switch found.tensor.encoding {
        case .plain, .transposed: break
        default: return "compressed already"
        }
        let roles = roles(found)
        weight.users = roles.users
        var stays: String?
        for role in roles.list {
            switch role.role {
            case .weight(let view, let kind, let activation):
                weight.view = view
                if let kind, role.user.node.inputs.count > activation {
                    weight.product = Weight.Product(
                        kind: kind, node: role.user.node, input: activation, activation: role.user.node.inputs[activation], scope: role.user.scope,
                        calls: roles.list.filter { $0.user.place == role.user.place && $0.user.index == role.user.index }.map(\.calls))
                }
                // What a table is used for otherwise does not follow its lookups.
                if weight.product?.kind == .lookups, roles.list.contains(where: { $0.user.place != role.user.place }) { weight.product = nil }
                return tooSmall(weight, isOfProduct: IntegerRegion.products.contains(role.user.node.opType ?? ""))
            case .stays(let reason): stays = stays ?? reason
            case .unknown: continue
            }
        }
        if let stays { return stays }
        if found.tensor.dims.count(where: { $0 > 1 }) < 2 { return "a vector: a bias, a norm or a table" }
        return tooSmall(weight)
    }

    private func tooSmall(_ weight: Weight, isOfProduct: Bool = false) -> String? {
        let smallest = isOfProduct ? smallestOfProducts : smallest
        return weight.elementCount < smallest ? "fewer than \(smallest) elements" : nil
    }

    private struct Roles {
        var users: [String] = []
        var list: [(role: WeightRole, user: User, calls: [Place])] = []
    }

    /// What all nodes use it for, also behind nodes that hand it on as it is.
    private func roles(_ found: Found) -> Roles {
        var roles = Roles(), reached = [Reached(owner: found.owner, name: found.name)], seen = Set(reached), isCut = false
        func note(_ op: String) { if !roles.users.contains(op) { roles.users.append(op) } }
        while let at = reached.popLast() {
            func follow(_ name: Name) -> Bool {
                let next = Reached(owner: at.owner, name: name, calls: at.calls)
                guard seen.insert(next).inserted else { return false }
                reached.append(next)
                return true
            }
            for user in users[at.owner][at.name] ?? [] {
                let op = user.node.opType?.text ?? ""
                if let function = functions[FunctionKey(user.node)] {
                    guard user.index < function.inputs.count, seen.count < Self.mostReached, at.calls.count < 100 else { continue }
                    let inner = Reached(owner: function.owner, name: function.inputs[user.index], calls: at.calls + [user.place])
                    if seen.insert(inner).inserted { reached.append(inner) }
                    continue
                }
                if op == "Identity" || op == "Cast", let output = user.node.outputs.first, follow(output) { continue }
                // Gates that are cut out and put together in another order before a recurrent layer: rows stay rows.
                if ["Slice", "Split", "Concat", "Unsqueeze", "Squeeze"].contains(op), found.tensor.dims.count == 2, user.index == 0 || op == "Concat",
                    !user.node.outputs.allSatisfy({ seen.contains(Reached(owner: at.owner, name: $0, calls: at.calls)) })
                {
                    for output in user.node.outputs { _ = follow(output) }
                    note(op)
                    isCut = true
                    continue
                }
                if isCut {
                    if let role = recurrent(user, found.tensor.dims) { roles.list.append((role.role, role.user, at.calls)) }
                    note(op)
                    continue
                }
                if op == "Transpose", let output = user.node.outputs.first, let role = transposed(user, output, found, owner: at.owner),
                    seen.insert(Reached(owner: at.owner, name: output, calls: at.calls)).inserted
                {
                    roles.list.append((role.role, role.user, at.calls))
                    note(op)
                    continue
                }
                roles.list.append((WeightRole.of(user.index, user.node, dims: found.tensor.dims), user, at.calls))
                note(op)
            }
        }
        return roles
    }

    /// A matrix whose rows, perhaps in another order, are the weights of a recurrent layer.
    private func recurrent(_ user: User, _ dims: [Int]) -> (role: WeightRole, user: User)? {
        guard ["LSTM", "GRU", "RNN"].contains(user.node.opType?.text ?? ""), user.index == 1 || user.index == 2 else { return nil }
        return (.weight(.rowsFirst(dims), user.index == 1 ? .steps : .previousSteps, activation: 0), user)
    }

    /// A matrix that is turned before the product: its rows are the other axis.
    private func transposed(_ user: User, _ output: Name, _ found: Found, owner: Int) -> (role: WeightRole, user: User)? {
        let dims = found.tensor.dims
        guard dims.count == 2, (user.node.integers("perm") ?? [1, 0]) == [1, 0] else { return nil }
        for next in users[owner][output] ?? [] {
            guard case .weight(let view, let kind, let activation) = WeightRole.of(next.index, next.node, dims: [dims[1], dims[0]]) else { continue }
            return (.weight(view.rowsComeFirst ? .columnsFirst(dims) : .rowsFirst(dims), kind, activation: activation), next)
        }
        return nil
    }
}

extension ElementType {
    /// Types whose values an `Affine` can stand for.
    var isQuantizable: Bool { [.float, .float16, .bfloat16, .double].contains(self) }
}
