public import Tensors

/// What the ONNX specification says about one version of one operator: how many inputs, outputs and which attributes.
public struct OperatorSchema: Equatable, Sendable {
    public enum Parameter: Equatable, Sendable {
        case required
        /// May be left out, by an empty name or at the end.
        case optional
        /// Any number from here on.
        case variadic
    }

    public struct AttributeFact: Equatable, Sendable {
        public let name: Name
        /// ONNX's number (`AttributeProto.AttributeType`, see `AttributeValue.typeNames`).
        public let type: Int32
        public let isRequired: Bool
    }

    /// "" for the default domain.
    public let domain: Name
    public let name: Name
    /// The operator set that brought this version.
    public let sinceVersion: Int64
    public let isDeprecated: Bool
    /// How many may be given; the upper bound is `Int.max` where any number may.
    public let inputCount: ClosedRange<Int>
    public let outputCount: ClosedRange<Int>
    public let inputs: [Parameter]
    public let outputs: [Parameter]
    /// Sorted by name.
    public let attributes: [AttributeFact]

    public func attribute(_ name: Name) -> AttributeFact? { attributes.first { $0.name == name } }

    /// What kind of input stands at `index`; a last variadic parameter goes on for ever.
    public func input(at index: Int) -> Parameter? {
        index < inputs.count ? inputs[index] : inputs.last == .variadic ? .variadic : nil
    }
}

extension OperatorSchema {
    /// Letters of `Scripts/generate-operator-schemas`; the index is ONNX's number.
    private static let typeLetters = Array(" fistgFISTGpPyY".utf8)

    /// Parses one line of the table; nil if it is not one.
    init?(line: String) {
        var fields = line.split(separator: " ")[...]
        guard fields.count >= 4, let version = Int64(fields[fields.startIndex + 1]) else { return nil }
        let key = fields.removeFirst().split(separator: ":")
        fields.removeFirst()
        isDeprecated = fields.first == "-"
        if isDeprecated { fields.removeFirst() }
        guard let (inputCount, inputs) = Self.parameters(fields.popFirst()), let (outputCount, outputs) = Self.parameters(fields.popFirst()) else {
            return nil
        }
        domain = Name(key.count == 2 ? String(key[0]) : "")
        name = Name(String(key[key.count - 1]))
        sinceVersion = version
        (self.inputCount, self.inputs, self.outputCount, self.outputs) = (inputCount, inputs, outputCount, outputs)
        attributes = fields.compactMap(Self.attribute)
        guard attributes.count == fields.count else { return nil }
    }

    /// `2-*:..+`
    private static func parameters(_ text: Substring?) -> (ClosedRange<Int>, [Parameter])? {
        guard let parts = text?.split(separator: ":", omittingEmptySubsequences: false), parts.count == 2 else { return nil }
        let bounds = parts[0].split(separator: "-")
        guard bounds.count == 2, let least = Int(bounds[0]), let most = bounds[1] == "*" ? .max : Int(bounds[1]), least <= most else { return nil }
        return (least...most, parts[1].utf8.map { $0 == UInt8(ascii: "+") ? .variadic : $0 == UInt8(ascii: "?") ? .optional : .required })
    }

    /// `axis:i!`
    private static func attribute(_ text: Substring) -> AttributeFact? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let letter = parts[1].utf8.first, let type = typeLetters.firstIndex(of: letter) else { return nil }
        return AttributeFact(name: Name(String(parts[0])), type: Int32(type), isRequired: parts[1].utf8.count == 2)
    }
}
