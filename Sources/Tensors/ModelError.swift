/// What went wrong, where, and what to do: the one error type of the library.
///
/// Every level adds its own place and nothing else: `throw error.at("node 'conv1' (Conv)")`.
/// The sentence reads `place: place: message`, starts with a lower-case word, has no full stop, and names from files are
/// printed escaped (see `printable`).
public struct ModelError: Error, Equatable, Sendable {
    /// The kinds a program may want to tell apart.
    @nonexhaustive
    public enum Code: String, Sendable {
        /// The bytes are not what their format asks for.
        case damagedFile
        /// The file is fine; this version of Thimble does not know something that it uses.
        case unsupported
        /// The model breaks the ONNX specification.
        case invalidGraph
        /// The caller asked for something that cannot be.
        case badArgument
        /// The system refused: no such file, no space, no permission.
        case io
        /// A stated limit would be passed (memory, depth, time).
        case limit
        /// A mistake of ours.
        case internalFault
    }

    public var code: Code
    public var message: String
    /// Outermost first: file, graph, node, tensor.
    public var place: [String]

    public init(_ code: Code, _ message: String, at place: [String] = []) {
        self.code = code
        self.message = message
        self.place = place
    }

    /// The same error, seen from one level further out.
    public func at(_ outer: String) -> ModelError {
        var copy = self
        copy.place.insert(outer, at: 0)
        return copy
    }
}

extension ModelError: CustomStringConvertible {
    public var description: String { (place + [message]).joined(separator: ": ") }
}

/// Runs `body`; an error that passes gets `place` put in front.
@inlinable
public func within<R>(_ place: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
    do {
        return try body()
    } catch let error as ModelError {
        throw error.at(place())
    }
}
