internal import ModelGraph
internal import Operators
internal import Tensors

/// What to do for one graph or function body: its nodes in an order that can be done, its values as numbered slots.
final class Plan: Sendable {
    /// Where a node finds a value.
    enum Operand: Sendable {
        /// Left out.
        case none
        case slot(Int)
        case constant(Constant)
    }

    enum Action: Sendable {
        case kernel(any Runnable.Type)
        case function(Plan)
    }

    struct Step: Sendable {
        let node: Node
        let opset: Int
        let action: Action
        let operands: [Operand]
        /// Slots; nil for outputs that have no name.
        let outputs: [Int?]
        /// Graphs in attributes, by the attribute's name.
        let subgraphs: [Name: Plan]
        /// Slots that nobody reads after this step.
        let releases: [Int]
    }

    struct Input: Sendable {
        let name: Name
        let info: ValueInfo
        let slot: Int
        /// Its value where none is given.
        let standard: Constant?
    }

    /// A value of the graph around this one, copied to a slot of this one when it starts.
    struct Capture: Sendable {
        let outer: Int
        let inner: Int
    }

    let inputs: [Input]
    let outputs: [Operand]
    let outputNames: [Name]
    let captures: [Capture]
    let steps: [Step]
    let slotCount: Int

    init(inputs: [Input], outputs: [Operand], outputNames: [Name], captures: [Capture], steps: [Step], slotCount: Int) {
        self.inputs = inputs
        self.outputs = outputs
        self.outputNames = outputNames
        self.captures = captures
        self.steps = steps
        self.slotCount = slotCount
    }
}
