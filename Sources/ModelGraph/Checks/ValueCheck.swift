internal import Tensors

/// What graphs say about their values: names and types of inputs and outputs, and whether types contradict each other.
struct ValueCheck: FindingVisitor {
    var findings: FindingList

    init(_ findings: FindingList) { self.findings = findings }

    mutating func enter(_ graph: Graph, at place: Place) {
        guard !findings.isFull else { return }
        check(graph.inputs, "input", at: place)
        check(graph.outputs, "output", at: place)
        checkTypes(graph.valueInfos, "value_info", at: place)
        checkConflicts(graph, at: place)
        if graph.outputs.isEmpty, place.steps.count == 1 {
            findings.warn(place, "the graph has no outputs; running it gives nothing")
        }
    }

    mutating func enter(_ function: Function, at place: Place) {
        checkTypes(function.valueInfos, "value_info", at: place)
    }

    private mutating func check(_ infos: [ValueInfo], _ role: String, at place: Place) {
        for (index, info) in infos.enumerated() {
            if info.name?.isEmpty ?? true {
                findings.error(place, "\(role) \(index) has no name, every \(role) of a graph needs one; the file may be damaged")
            } else if place.steps.count == 1, isUntyped(info) {
                findings.warn(place, "\(role) '\(info.name ?? "")' has no type; it is carried as unknown")
            }
        }
        checkTypes(infos, role, at: place)
    }

    private func isUntyped(_ info: ValueInfo) -> Bool {
        if case .none? = info.type?.kind { true } else { info.type == nil }
    }

    /// Element types must be known; negative dims are an exporter's way to say unknown, told once for each list.
    private mutating func checkTypes(_ infos: [ValueInfo], _ role: String, at place: Place) {
        var negative: (count: Int, first: Name, dim: Int64)?
        for info in infos {
            var type = info.type
            while let each = type {
                let facts = each.facts
                for element in facts.elements where !element.isKnown {
                    findings.error(place, "\(role) '\(info.name ?? "")' has the \(element.problem ?? "")")
                }
                if let dim = facts.shape?.dims.lazy.compactMap(\.negative).first {
                    negative = ((negative?.count ?? 0) + 1, negative?.first ?? info.name ?? "", negative?.dim ?? dim)
                }
                type = facts.inner
            }
        }
        guard let negative else { return }
        findings.warn(
            place, "\(counted(negative.count, role)) with a negative dimension (first: \(negative.dim) in '\(negative.first)'), "
                + "sizes are at least 0; it means unknown and is kept as it is")
    }

    /// A value described twice must be described alike where both descriptions say something.
    private mutating func checkConflicts(_ graph: Graph, at place: Place) {
        guard !graph.valueInfos.isEmpty else { return }
        var types: [Name: ValueType?] = [:]
        for (role, infos) in [("input", graph.inputs), ("output", graph.outputs), ("value_info", graph.valueInfos)] {
            for info in infos {
                guard let name = info.name else { continue }
                if let known = types[name] {
                    if let known, let type = info.type, known.contradicts(type) {
                        findings.warn(place, "\(role) gives '\(name)' the type \(brief(type)), but it was \(brief(known)) before; both are kept")
                    }
                } else {
                    types[name] = .some(info.type)
                }
            }
        }
    }
}

/// A hostile shape has millions of dims.
private func brief(_ type: ValueType) -> String {
    let text = type.description.utf8
    return text.count <= 400 ? type.description : String(decoding: text.prefix(400), as: UTF8.self) + "…"
}

extension ValueType {
    /// The parts of this level, and the type within.
    fileprivate var facts: (elements: [ElementType], shape: Shape?, inner: ValueType?) {
        switch kind {
        case .tensor(let element, let shape), .sparseTensor(let element, let shape): (element.map { [$0] } ?? [], shape, nil)
        case .sequence(let inner), .optional(let inner): ([], nil, inner)
        case .map(let key, let value): (key.map { [$0] } ?? [], nil, value)
        case .none, .opaque, .raw: ([], nil, nil)
        }
    }

    /// True if no value can be of both types, as far as this level says.
    fileprivate func contradicts(_ other: ValueType) -> Bool {
        switch (kind, other.kind) {
        case (.tensor(let a, let x), .tensor(let b, let y)), (.sparseTensor(let a, let x), .sparseTensor(let b, let y)):
            if let a, let b, a != .undefined, b != .undefined, a != b { return true }
            guard let x, let y else { return false }
            return x.rank != y.rank || zip(x.dims, y.dims).contains { $0.contradicts($1) }
        default: return false
        }
    }
}

extension Dimension {
    fileprivate var negative: Int64? {
        if case .value(let value) = size, value < 0 { value } else { nil }
    }

    fileprivate func contradicts(_ other: Dimension) -> Bool {
        guard case .value(let a) = size, case .value(let b) = other.size else { return false }
        return a != b && a >= 0 && b >= 0
    }
}
