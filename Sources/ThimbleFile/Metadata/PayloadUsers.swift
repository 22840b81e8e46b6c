internal import ModelGraph
internal import Tensors

/// Which tensor or attribute uses a payload first: for messages.
struct PayloadUsers {
    private struct User {
        var tensor: Name?
        var attribute: Name?
        var node: String?
    }

    private var users: [Int: User] = [:]
    /// False: nobody will ask.
    let isWanted: Bool
    /// Where the walk is.
    private var node: Node?
    private var attribute: Name?

    init(isWanted: Bool) {
        self.isWanted = isWanted
    }

    /// Payloads that follow are used by this node, nil: by none.
    mutating func enter(_ node: Node?) {
        if isWanted { self.node = node }
    }

    mutating func enter(attribute: Name?) {
        if isWanted { self.attribute = attribute }
    }

    mutating func add(_ payload: Int, tensor: Name?) {
        guard isWanted else { return }
        if users[payload] == nil { users[payload] = User(tensor: tensor, attribute: attribute, node: node?.label) }
    }

    /// Payloads that are parts of others are called by those.
    mutating func spread(_ tables: PayloadTables) {
        for (id, payload) in tables.payloads.enumerated().reversed() {
            guard let user = users[id] else { continue }
            for part in payload.encoding.parts where users[part] == nil { users[part] = user }
        }
    }

    func name(_ payload: Int) -> String {
        guard let user = users[payload] else { return "payload \(payload)" }
        if let tensor = user.tensor, !tensor.isEmpty { return "tensor '\(tensor)'" }
        guard let attribute = user.attribute else { return "unnamed tensor (payload \(payload))" }
        return (user.node.map { "\($0): " } ?? "") + "attribute '\(attribute)'"
    }
}

extension PayloadRecord.Encoding {
    /// The payloads that this one refers to.
    var parts: [Int] {
        switch self {
        case .plain, .unknown: []
        case .affine(_, _, _, let scale, let zeroPoint): [scale] + (zeroPoint.map { [$0] } ?? [])
        case .palette(_, _, let table, _): [table]
        case .bitmask(let values, _, _, _), .gaps(let values): [values]
        case .stringList(let ends): [ends]
        case .transposed(let of): [of]
        }
    }
}
