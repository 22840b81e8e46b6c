internal import ModelGraph
package import Tensors

package enum Cast: Checkable, Inferring {
    package static let name: Name = "Cast"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        guard let number = node.int("to") else { return }
        let type = Int32(exactly: number).map(ElementType.init(rawValue:))
        if type == nil || type == .undefined || type?.isKnown == false {
            report.error("attribute 'to' is \(number), a data type of 1 to \(ElementType.allKnown.count) is expected")
        }
    }
}

extension Cast: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let type = try call.opset < 6 ? call.namedElementType("to") : call.elementType("to")
        return [try call.tensor(0).cast(to: call.required("to", type))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let target = call.opset < 6 ? try call.namedElementType("to") : try call.elementType("to")
        return [.tensor(try call.casting(to: call.required("to", target)).cast(call.tensor(0)))]
    }
}

extension Call {
    /// A cast to that type, with the attributes that say how.
    func casting(to type: ElementType) throws -> Casting {
        let mode = try string("round_mode", "up")
        guard let rounding = ScaleFormat.Rounding(rawValue: mode) else {
            throw ModelError(.invalidGraph, "attribute 'round_mode' is '\(printable(mode))'; 'up', 'down' or 'nearest' is needed")
        }
        try checkCast(to: type)
        return Casting(target: type, saturate: try bool("saturate", true), rounding: rounding)
    }

    private func checkCast(to type: ElementType) throws {
        guard let count = try tensor(0).elementCount, let size = checkedMultiply(count, max(1, (type.bitWidth ?? 128) / 8)) else { return }
        try environment.checkAllocation(size)
    }

    /// The first operator set has the type's name in its place.

}

extension Fact {
    /// The same numbers in another type. Sizes are taken to fit any type of 32 bits and more.
    func cast(to type: ElementType?) -> Fact {
        guard let type, let integers, elementType == .int64 || elementType == .int32 || elementType == .bool else { return Fact(type, dims) }
        switch type {
        case .int64, .int32:
            let fit = type == .int64 ? integers : integers.map { element in element.value.map { Int32(exactly: $0) == nil ? .unknown : element } ?? element }
            return Fact(type, dims, integers: fit)
        case .bool: return Fact(type, dims, integers: integers.map { $0 == 0 ? 0 : $0.isDifferent(from: 0) ? 1 : .unknown })
        default: return Fact(type, dims)
        }
    }
}

extension AttributeReader {
    fileprivate func namedElementType(_ name: Name) throws -> ElementType? {
        if node.attribute(name)?.value.typeName == "INT" { return try elementType(name) }
        guard let text = try string(name) else { return nil }
        guard let type = ElementType.allKnown.first(where: { $0.name == text.uppercased() }) else {
            throw ModelError(.invalidGraph, "attribute '\(name)' is '\(printable(text))', the name of a data type is needed")
        }
        return type
    }
}
