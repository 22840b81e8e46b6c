internal import Tensors

/// Findings in the order they were made, at most `limit` of each severity: a hostile file can break a rule a million times.
package struct FindingList {
    package static let limit = 500
    package private(set) var all: [Finding] = []
    private var errors = 0
    private var warnings = 0

    package init() {}

    /// No further error is taken; a check may stop.
    package var isFull: Bool { errors >= Self.limit }
    package var hasErrors: Bool { errors > 0 }

    package mutating func error(_ place: Place, _ message: @autoclosure () -> String) {
        guard errors < Self.limit else { return }
        errors += 1
        all.append(Finding(.error, at: place.texts, message()))
    }

    package mutating func warn(_ place: Place, _ message: @autoclosure () -> String) {
        guard warnings < Self.limit else { return }
        warnings += 1
        all.append(Finding(.warning, at: place.texts, message()))
    }

    package mutating func add(_ severity: Finding.Severity, _ place: Place, _ message: @autoclosure () -> String) {
        severity == .error ? error(place, message()) : warn(place, message())
    }
}

/// "1 node", "3 nodes".
package func counted(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}
