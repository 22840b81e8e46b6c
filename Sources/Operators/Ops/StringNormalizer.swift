package import Tensors

package enum StringNormalizer: Inferring, Runnable {
    package static let name: Name = "StringNormalizer"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        guard let dims = try call.dims(0) else { return [Fact(.string)] }
        guard dims.count == 1 || dims.count == 2 && !dims[0].isDifferent(from: 1) else {
            throw ModelError(.invalidGraph, "input 0 has dims \(dims.text), [C] or [1, C] is needed")
        }
        // Nothing is left out where there are no stopwords, but none becomes one.
        let count = try call.strings("stopwords")?.isEmpty ?? true ? Dim.max(1, dims[dims.count - 1]) : .unknown
        return [Fact(.string, dims.count == 2 ? [1, count] : [count])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard data.dims.count == 1 || (data.dims.count == 2 && data.dims[0] == 1) else {
            throw ModelError(.invalidGraph, "input 0 has dims \(data.dims), [C] or [1, C] is needed")
        }
        let action = try call.string("case_change_action", "NONE"), isSensitive = try call.bool("is_case_sensitive")
        let stopwords = Set(try (call.strings("stopwords") ?? []).map { isSensitive ? $0 : try changed($0, "LOWER") })
        let kept = try within("input 0") { try data.stringList() }.filter { string in
            try stopwords.isEmpty || !stopwords.contains(isSensitive ? string : changed(string, "LOWER"))
        }
        let result = try kept.map { try changed($0, action) }
        // A tensor of none is not allowed: one empty string stands for it.
        let values = result.isEmpty ? [[]] : result
        return [.tensor(.strings(values, dims: data.dims.count == 2 ? [1, values.count] : [values.count]))]
    }

    private static func changed(_ bytes: [UInt8], _ action: String) throws -> [UInt8] {
        guard action != "NONE" else { return bytes }
        guard let name = Name(utf8: bytes) else { throw ModelError(.invalidGraph, "the string '\(printable(utf8: bytes))' is not UTF-8") }
        switch action {
        case "LOWER": return Array(name.text.lowercased().utf8)
        case "UPPER": return Array(name.text.uppercased().utf8)
        default: throw ModelError(.invalidGraph, "case_change_action is '\(printable(action))', LOWER, UPPER or NONE is needed")
        }
    }
}
