internal import ModelGraph
package import Tensors

package enum If: Checkable, Inferring, Runnable {
    package static let name: Name = "If"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        let outputs = node.node.outputs.count
        for branch: Name in ["then_branch", "else_branch"] {
            node.checkBody(branch, inputs: 0, outputs: outputs...outputs, into: &report)
        }
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        if let type = try call.type(0), type != .bool { throw ModelError(.invalidGraph, "input 0 is \(try call.tensor(0)), one BOOL is needed") }
        // Both are looked at, whichever is taken.
        let then = try call.infer("then_branch", []), other = try call.infer("else_branch", [])
        switch call.inputs[0]?.truth {
        case true?: return then
        case false?: return other
        case nil: return zip(then, other).map { .common($0, $1) }
        }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let branch: Name = try call.condition(0) ? "then_branch" : "else_branch"
        return try call.environment.run(branch, inputs: [])
    }
}
