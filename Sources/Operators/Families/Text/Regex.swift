internal import Tensors

/// A regular expression in RE2's syntax. All paths are followed at once (K. Thompson, 1968), so that time grows with the text
/// times the program and no further; nothing recurses on the text.
struct Regex {
    private enum Step {
        case set(ScalarSet)
        case assertion(RegexAssertion)
        case split(Int, Int)
        case match
    }

    private var steps: [Step] = []
    private static let sizeLimit = 10_000

    init(_ pattern: [UInt8]) throws {
        guard let name = Name(utf8: pattern) else { throw ModelError(.invalidGraph, "the regular expression is not UTF-8") }
        try emit(RegexParser.parse(name.text))
        steps.append(.match)
    }

    private mutating func add(_ step: Step) throws {
        guard steps.count < Self.sizeLimit else {
            throw ModelError(.limit, "the regular expression takes more than \(Self.sizeLimit) steps; make its repetitions shorter")
        }
        steps.append(step)
    }

    private mutating func emit(_ tree: RegexTree) throws {
        switch tree {
        case .empty: break
        case .set(let set): try add(.set(set))
        case .assertion(let assertion): try add(.assertion(assertion))
        case .sequence(let parts): for part in parts { try emit(part) }
        case .choice(let parts):
            var ends: [Int] = []
            for (index, part) in parts.enumerated() {
                let split = steps.count
                if index < parts.count - 1 { try add(.split(split + 1, 0)) }
                try emit(part)
                if index < parts.count - 1 {
                    ends.append(steps.count)
                    try add(.split(0, 0))
                    steps[split] = .split(split + 1, steps.count)
                }
            }
            for end in ends { steps[end] = .split(steps.count, steps.count) }
        case .repetition(let part, let least, let most):
            for _ in 0..<least {
                let before = steps.count
                try emit(part)
                // What takes no step can be repeated without one.
                if steps.count == before { break }
            }
            if let most { try emitOptional(part, most - least) } else { try emitLoop(part) }
        }
    }

    private mutating func emitLoop(_ part: RegexTree) throws {
        let split = steps.count
        try add(.split(split + 1, 0))
        try emit(part)
        try add(.split(split, split))
        steps[split] = .split(split + 1, steps.count)
    }

    private mutating func emitOptional(_ part: RegexTree, _ times: Int) throws {
        var splits: [Int] = []
        for _ in 0..<times {
            splits.append(steps.count)
            try add(.split(steps.count + 1, 0))
            try emit(part)
        }
        for split in splits { steps[split] = .split(split + 1, steps.count) }
    }

    /// True if all of the text matches.
    func matchesAll(_ text: [Unicode.Scalar]) -> Bool { longestMatch(text, from: 0) == text.count }

    /// Where the longest match that begins at `start` ends, nil if there is none.
    func longestMatch(_ text: [Unicode.Scalar], from start: Int) -> Int? {
        var states = StateSet(steps.count), next = StateSet(steps.count)
        follow(0, text, start, into: &states)
        var end = states.isMatch ? start : nil
        var place = start
        while place < text.count, !states.sets.isEmpty {
            next.clear()
            for state in states.sets {
                if case .set(let set) = steps[state], set.contains(text[place]) { follow(state + 1, text, place + 1, into: &next) }
            }
            swap(&states, &next)
            place += 1
            if states.isMatch { end = place }
        }
        return end
    }

    /// Steps that are reached, each once.
    private struct StateSet {
        /// Those that read a character.
        var sets: [Int] = []
        var isMatch = false
        private var marks: [UInt32]
        private var mark: UInt32 = 1

        init(_ count: Int) { marks = [UInt32](repeating: 0, count: count) }

        mutating func enter(_ state: Int) -> Bool {
            if marks[state] == mark { return false }
            marks[state] = mark
            return true
        }

        mutating func clear() {
            sets.removeAll(keepingCapacity: true)
            isMatch = false
            mark &+= 1
            // After 2^32 characters old marks would count again.
            if mark == 0 { marks = marks.map { _ in 0 }; mark = 1 }
        }
    }

    private func follow(_ state: Int, _ text: [Unicode.Scalar], _ place: Int, into states: inout StateSet) {
        var open = [state]
        while let state = open.popLast() {
            guard states.enter(state) else { continue }
            switch steps[state] {
            case .set: states.sets.append(state)
            case .match: states.isMatch = true
            case .split(let a, let b): open += [b, a]
            case .assertion(let assertion): if holds(assertion, text, place) { open.append(state + 1) }
            }
        }
    }

    private func holds(_ assertion: RegexAssertion, _ text: [Unicode.Scalar], _ place: Int) -> Bool {
        func isWord(_ index: Int) -> Bool { index >= 0 && index < text.count && ScalarSet.words.contains(text[index]) }
        return switch assertion {
        case .textStart: place == 0
        case .textEnd: place == text.count
        case .lineStart: place == 0 || text[place - 1] == "\n"
        case .lineEnd: place == text.count || text[place] == "\n"
        case .wordBoundary: isWord(place - 1) != isWord(place)
        case .noWordBoundary: isWord(place - 1) == isWord(place)
        }
    }
}

/// The characters of an element of a STRING tensor, which must be UTF-8.
func scalars(_ bytes: [UInt8]) throws -> [Unicode.Scalar] {
    guard let name = Name(utf8: bytes) else { throw ModelError(.invalidGraph, "the string '\(printable(utf8: bytes))' is not UTF-8") }
    return Array(name.text.unicodeScalars)
}
