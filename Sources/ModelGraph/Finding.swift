/// Something that a check found, with its place.
public struct Finding: Equatable, Sendable {
    public enum Severity: String, Sendable {
        /// Breaks the specification or the format; a conversion is refused.
        case error
        /// Odd, but it means one thing; the model is carried as it is.
        case warning
    }

    public var severity: Severity
    /// Outermost first, names escaped.
    public var place: [String]
    public var message: String

    public init(_ severity: Severity, at place: [String], _ message: String) {
        self.severity = severity
        self.place = place
        self.message = message
    }
}

extension Finding: CustomStringConvertible {
    public var description: String { (place + [message]).joined(separator: ": ") }
}
