internal import ModelGraph
internal import Tensors

extension DifferenceList {
    /// Tensors are left out: their values are compared apart.
    mutating func graphs(_ a: Graph, _ b: Graph, at place: [String]) {
        field("graph name", at: place, a.name?.description, b.name?.description)
        text("graph doc_string", at: place, a.docString, b.docString)
        metadata(a.metadata, b.metadata, at: place)
        values(a.inputs, b.inputs, "input", at: place)
        values(a.outputs, b.outputs, "output", at: place)
        values(a.valueInfos, b.valueInfos, "value_info", at: place)
        nodes(a.nodes, b.nodes, at: place)
        let annotations = a.quantizationAnnotations == b.quantizationAnnotations
        counts("quantization_annotation", at: place, a.quantizationAnnotations.count, b.quantizationAnnotations.count, isEqual: annotations)
        counts("unknown fields of the graph", at: place, a.unknownFields.count, b.unknownFields.count, isEqual: a.unknownFields == b.unknownFields)
        let order = a.initializers.map(\.name), otherOrder = b.initializers.map(\.name)
        if order != otherOrder, Set(order) == Set(otherOrder), order.count == otherOrder.count {
            add("initializers", at: place, "in one order", "in another")
        }
    }

    private mutating func values(_ a: [ValueInfo], _ b: [ValueInfo], _ subject: String, at place: [String]) {
        guard a != b else { return }
        let count = items.count
        pairs(a, b, key: { $0.name ?? "" }) { list, name, before, after in
            guard before != after else { return }
            let types = (before.map { $0.type?.description ?? "no type" }, after.map { $0.type?.description ?? "no type" })
            if before != nil, after != nil, types.0 == types.1 {
                list.add(subject, name.description, at: place, types.0, "the same type with other notes")
            } else {
                list.add(subject, name.description, at: place, types.0, types.1)
            }
        }
        if items.count == count { add("\(subject)s", at: place, "in one order", "in another") }
    }

    /// Nodes meet by name, or by their first output where they have none.
    mutating func nodes(_ a: [Node], _ b: [Node], at place: [String]) {
        let count = items.count
        pairs(a, b, key: Self.identity) { list, _, before, after in
            guard let before, let after else {
                let node = before ?? after!  // pairs() always gives one
                list.add("node", Self.title(node), at: place, before.map(Self.call), after.map(Self.call))
                return
            }
            if !list.haveSameFields(before, after) { list.add("node", Self.title(before), at: place, Self.call(before), Self.call(after)) }
            list.attributes(before, after, at: place)
        }
        guard items.count == count else { return }
        if !a.lazy.map(Self.identity).elementsEqual(b.lazy.map(Self.identity)) { add("nodes", at: place, "in one order", "in another") }
    }

    private func haveSameFields(_ a: Node, _ b: Node) -> Bool {
        a.opType == b.opType && a.domain == b.domain && a.overload == b.overload && a.inputs == b.inputs && a.outputs == b.outputs
            && a.name == b.name
    }

    private mutating func attributes(_ a: Node, _ b: Node, at outer: [String]) {
        let place = outer + [a.label]
        text("doc_string", at: place, a.docString, b.docString)
        metadata(a.metadata, b.metadata, at: place)
        counts("device_configurations", at: place, a.deviceConfigurations.count, b.deviceConfigurations.count, isEqual: a.deviceConfigurations == b.deviceConfigurations)
        counts("unknown fields", at: place, a.unknownFields.count, b.unknownFields.count, isEqual: a.unknownFields == b.unknownFields)
        pairs(a.attributes, b.attributes, key: { $0.name ?? "" }) { list, name, before, after in
            list.attribute(name, before, after, at: place)
        }
    }

    private mutating func attribute(_ name: Name, _ before: Attribute?, _ after: Attribute?, at place: [String]) {
        if let before, let after {
            switch (before.value, after.value) {
            case (.graph(let x), .graph(let y)): return later(x, y, at: place + ["attribute '\(name)'"])
            // Values of tensors are compared apart.
            case (.tensor, .tensor), (.tensors, .tensors), (.sparseTensor, .sparseTensor), (.sparseTensors, .sparseTensors): return
            default: if before == after { return }
            }
        }
        let (old, new) = (before?.summary, after?.summary)
        add("attribute", name.description, at: place, old, old == new ? "\(new ?? ""), written in another way or beyond what is shown" : new)
    }

    private static func identity(_ node: Node) -> Name {
        if let name = node.name, !name.isEmpty { return name }
        return Name("\u{1}" + (node.outputs.first { !$0.isEmpty }?.text ?? ""))
    }

    private static func title(_ node: Node) -> String {
        node.name.flatMap { $0.isEmpty ? nil : $0.description } ?? node.outputs.first?.description ?? ""
    }

    private static func call(_ node: Node) -> String {
        let domain = node.domain.map { $0.isEmpty ? "" : "\($0):" } ?? ""
        return "\(domain)\(node.opType ?? "?")\(names(node.inputs)) → \(names(node.outputs))"
    }
}
