package import Tensors

/// Of com.microsoft: cuts strings into tokens.
package enum Tokenizer: Inferring, Runnable {
    package static let name: Name = "Tokenizer"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.string, try call.dims(0).map { $0 + [.unknown] })] }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard data.dims.count == 1 || data.dims.count == 2 else { throw ModelError(.invalidGraph, "input 0 has dims \(data.dims), [C] or [N, C] is needed") }
        let rule = try Rule(call), marks = try call.bool("mark")
        let rows = try within("input 0") { try data.stringList() }.map { try rule.tokens(scalars($0)) }
        let longest = rows.map(\.count).max() ?? 0
        // Without any token there are no marks either.
        let width = longest > 0 ? longest + (marks ? 2 : 0) : 0
        let padding = Array(try call.string("pad_value", "#").utf8), dims = data.dims + [width]
        try call.environment.checkAllocation(32 * checkedCount(dims))
        let values = rows.flatMap { row in
            let tokens = marks && width > 0 ? [[2]] + row + [[3]] : row
            return tokens + [[UInt8]](repeating: padding, count: width - tokens.count)
        }
        return [.tensor(.strings(values, dims: dims))]
    }

    private struct Rule {
        private enum Cut {
            case characters
            case separators([Regex])
            case expression(Regex)
        }

        private let cut: Cut
        private let least: Int

        init(_ call: Call) throws {
            least = try call.required("mincharnum", call.int("mincharnum"))
            if let expression = try call.string("tokenexp"), !expression.isEmpty {
                cut = .expression(try Regex(Array(expression.utf8)))
            } else {
                let separators = try call.strings("separators") ?? []
                guard !separators.isEmpty else { throw ModelError(.invalidGraph, "has neither separators nor a tokenexp") }
                cut = separators == [[]] ? .characters : .separators(try separators.map { try Regex($0) })
            }
        }

        func tokens(_ text: [Unicode.Scalar]) -> [[UInt8]] {
            let found: [ArraySlice<Unicode.Scalar>]
            switch cut {
            case .characters: found = text.indices.map { text[$0...$0] }
            case .expression(let regex): found = Self.matches(regex, text).map { text[$0] }
            case .separators(let list):
                found = list.reduce([text[...]]) { parts, regex in parts.flatMap { Self.parts(Array($0), regex) } }
            }
            return found.filter { !$0.isEmpty && $0.count >= least }.map { token in
                var string = String.UnicodeScalarView()
                string.append(contentsOf: token)
                return Array(String(string).utf8)
            }
        }

        /// The longest matches from left to right, none of them empty.
        private static func matches(_ regex: Regex, _ text: [Unicode.Scalar]) -> [Range<Int>] {
            var matches: [Range<Int>] = [], place = 0
            while place < text.count {
                if let end = regex.longestMatch(text, from: place), end > place {
                    matches.append(place..<end)
                    place = end
                } else {
                    place += 1
                }
            }
            return matches
        }

        private static func parts(_ text: [Unicode.Scalar], _ separator: Regex) -> [ArraySlice<Unicode.Scalar>] {
            var parts: [ArraySlice<Unicode.Scalar>] = [], start = 0
            for match in matches(separator, text) {
                parts.append(text[start..<match.lowerBound])
                start = match.upperBound
            }
            return parts + [text[start...]]
        }
    }
}
