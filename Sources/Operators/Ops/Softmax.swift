package import Tensors

package enum Softmax: Checkable, Inferring {
    package static let name: Name = "Softmax"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension Softmax: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapLines(Lines.self) }

    private enum Lines: LineFunction {
        static func apply<T: Real>(
            _ source: UnsafeBufferPointer<T>, _ result: UnsafeMutableBufferPointer<T>, _ start: Int, _ count: Int, _ step: Int
        ) {
            let top = unsafe largest(source, start, count, step).value
            var sum: T = 0
            for index in 0..<count {
                let value = unsafe T.exponential(source[start + index * step] - top)
                unsafe result[start + index * step] = value
                sum += value
            }
            for index in 0..<count { unsafe result[start + index * step] /= sum }
        }
    }
}
