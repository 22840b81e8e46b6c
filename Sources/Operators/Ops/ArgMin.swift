package import Tensors

package enum ArgMin: Checkable, Inferring {
    package static let name: Name = "ArgMin"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension ArgMin: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.extreme() }

    package static func run(_ call: Call) throws -> [Value?] { try call.findExtremes(Better.self) }

    private enum Better: Preference {
        @inline(__always)
        static func prefers<T: Number>(_ x: T, to best: T) -> Bool { x < best || x.isNotANumber && !best.isNotANumber }
    }
}
