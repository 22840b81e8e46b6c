internal import ModelGraph
internal import Tensors

extension OperatorSchema {
    /// Numbers of inputs and outputs, and that none that must be there is left out.
    func checkCounts(of node: Node, into report: inout NodeReport) {
        if !inputCount.contains(node.inputs.count) {
            report.error("has \(counted(node.inputs.count, "input")), \(name) takes \(inputCount.text)")
        }
        if !outputCount.contains(node.outputs.count) {
            report.error("has \(counted(node.outputs.count, "output")), \(name) gives \(outputCount.text)")
        }
        for (index, input) in node.inputs.enumerated() where input.isEmpty {
            switch self.input(at: index) {
            case .required: report.error("leaves out input \(index), which \(name) must have")
            case .variadic: report.warn("leaves out input \(index), one of a list of any length")
            case .optional, nil: break
            }
        }
    }

    /// Types of attributes and that required ones are there. What the schema does not name is odd, not wrong: `unknown` is told.
    func checkAttributes(of node: Node, into report: inout NodeReport, unknown: (String) -> Void) {
        for attribute in node.attributes {
            guard let given = attribute.name else { continue }
            guard let fact = self.attribute(given) else {
                unknown("attribute '\(given)' is not known of \(name) since opset \(sinceVersion); it is carried as it is")
                continue
            }
            let type = attribute.value.typeNumber
            if type == fact.type || type == 0 { continue }
            let text = "attribute '\(given)' is of type \(attribute.value.typeName), \(name) takes \(AttributeValue.typeNames[Int(fact.type)])"
            if type == 11, fact.type == 4 {
                // ONNX Runtime takes a sparse tensor where a tensor belongs.
                report.warn(text)
            } else {
                report.error(text + "")
            }
        }
        for fact in attributes where fact.isRequired && node.attribute(fact.name) == nil {
            report.error("attribute '\(fact.name)' is missing, \(name) must have it")
        }
    }
}

extension ClosedRange<Int> {
    fileprivate var text: String {
        lowerBound == upperBound ? "\(lowerBound)" : upperBound == .max ? "at least \(lowerBound)" : "\(lowerBound) to \(upperBound)"
    }
}
