package import Tensors

package enum Hardmax: Checkable, Inferring {
    package static let name: Name = "Hardmax"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension Hardmax: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapLines(Lines.self) }

    private enum Lines: LineFunction {
        static func apply<T: Real>(
            _ source: UnsafeBufferPointer<T>, _ result: UnsafeMutableBufferPointer<T>, _ start: Int, _ count: Int, _ step: Int
        ) {
            for index in 0..<count { unsafe result[start + index * step] = 0 }
            unsafe result[largest(source, start, count, step).offset] = 1
        }
    }
}
