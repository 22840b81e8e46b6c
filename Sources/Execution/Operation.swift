internal import CKernels
internal import Operators

/// An operator as the nodes of a model have it, with all that is known by its name: many nodes share it, and the name is looked up once.
final class Operation: Sendable {
    /// "Conv", "com.microsoft:FusedConv".
    let name: String
    let kernel: any Runnable.Type
    let isRandom: Bool
    /// How its nodes become steps of fast kernels, if they can.
    let lowering: (any Lowering.Type)?
    /// How they become part of an elementwise program, if they can.
    let elementwise: Elementwise.Builder?
    /// What else must hold for that.
    let elementwiseCondition: Elementwise.Condition?
    /// If they make truth values.
    let comparison: thimble_op?

    init(_ name: String, _ kernel: any Runnable.Type) {
        self.name = name
        self.kernel = kernel
        isRandom = kernel.isRandom
        lowering = Lowerings.find(name)
        elementwise = Elementwise.builder(name)
        elementwiseCondition = Elementwise.condition(name)
        comparison = Comparison.operation(name)
    }
}
