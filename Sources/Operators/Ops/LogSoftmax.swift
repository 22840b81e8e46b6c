package import Tensors

package enum LogSoftmax: Checkable, Inferring {
    package static let name: Name = "LogSoftmax"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension LogSoftmax: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapLines(Lines.self) }

    private enum Lines: LineFunction {
        static func apply<T: Real>(
            _ source: UnsafeBufferPointer<T>, _ result: UnsafeMutableBufferPointer<T>, _ start: Int, _ count: Int, _ step: Int
        ) {
            let top = unsafe largest(source, start, count, step).value
            var sum: T = 0
            for index in 0..<count { unsafe sum += .exponential(source[start + index * step] - top) }
            let log = T.logarithm(sum)
            for index in 0..<count { unsafe result[start + index * step] = source[start + index * step] - top - log }
        }
    }
}
