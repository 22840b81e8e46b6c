internal import ModelGraph
internal import Tensors

/// One simplification. Its file says what it needs and what it guarantees; whatever it cannot prove it leaves alone. None changes what the
/// model computes, beyond the rounding of arithmetic that it does in advance.
protocol Pass: Sendable {
    /// What options, reports and errors call it: `fold-constants`.
    static var name: String { get }
    /// One line for people.
    static var summary: String { get }
}

/// A pass over one graph with everything nested in it, or over the body of a function.
protocol GraphPass: Pass {
    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws
}

/// A pass over the whole model, which runs before the graphs are opened or after they are closed.
protocol ModelPass: Pass {
    static func run(_ model: inout Model, _ log: inout PassLog) throws
}

/// Where a pass says what it does.
struct PassLog {
    /// What `--explain` shows of one pass; all of it is counted.
    static let shownLimit = 8

    private(set) var count = 0
    private(set) var shown: [String] = []
    /// What was left alone although it could be done, and why.
    private(set) var skipped: [String] = []

    mutating func did(_ text: @autoclosure () -> String) {
        count += 1
        if shown.count < Self.shownLimit { shown.append(text()) }
    }

    mutating func leftAlone(_ text: @autoclosure () -> String) {
        if skipped.count < Self.shownLimit { skipped.append(text()) }
    }
}
