internal import ModelGraph
package import Tensors

package enum If: Checkable, Runnable {
    package static let name: Name = "If"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        let outputs = node.node.outputs.count
        for branch: Name in ["then_branch", "else_branch"] {
            node.checkBody(branch, inputs: 0, outputs: outputs...outputs, into: &report)
        }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let branch: Name = try call.condition(0) ? "then_branch" : "else_branch"
        return try call.environment.run(branch, inputs: [])
    }
}
