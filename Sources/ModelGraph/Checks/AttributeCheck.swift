internal import Tensors

/// Attributes and nodes by themselves: names, duplicates, values, references.
struct AttributeCheck: FindingVisitor {
    var findings: FindingList
    private var declared: Set<Name> = []

    init(_ findings: FindingList) { self.findings = findings }

    mutating func enter(_ function: Function, at place: Place) {
        declared = Set(function.attributeNames + function.attributeDefaults.compactMap(\.name))
    }

    mutating func enter(_ node: Node, at place: Place) {
        guard !findings.isFull else { return }
        if node.opType?.isEmpty ?? true {
            findings.error(place, "op_type is missing: a node must name its operator; the file may be damaged")
        }
        guard node.attributes.count > 1 else { return }
        var seen: Set<Name> = []
        for attribute in node.attributes {
            if let name = attribute.name, !seen.insert(name).inserted {
                findings.error(place, "attribute '\(name)' is given twice, once is allowed; which one is meant is unclear")
            }
        }
    }

    mutating func visit(_ attribute: Attribute, at place: Place) {
        guard !findings.isFull else { return }
        if attribute.name?.isEmpty ?? true { findings.error(place, "an attribute needs a name; the file may be damaged") }
        if let reference = attribute.referenceName {
            checkReference(reference, at: place)
        } else if case .undefined = attribute.value {
            findings.error(place, "has no type and no value, one of the types 1 to 14 is expected; export the model again")
        }
    }

    private mutating func checkReference(_ reference: Name, at place: Place) {
        if !place.isInFunction {
            findings.error(place, "ref_attr_name '\(reference)' stands outside a function, where there is nothing to refer to; export the model again")
        } else if !declared.contains(reference) {
            findings.warn(place, "ref_attr_name '\(reference)' is no attribute of the function; it never gets a value")
        }
    }
}
