/// All passes, in the order in which each round runs them.
enum Passes {
    /// Once, before the graphs are opened.
    static let first: [any ModelPass.Type] = [InlineFunctions.self]

    /// Again and again until none changes anything.
    static let rounds: [any GraphPass.Type] = [
        ConstantsToInitializers.self,
        FoldConstants.self,
        FoldShapes.self,
        InlineConditionals.self,
        RemoveIdentities.self,
        MergeCasts.self,
        MergeReshapes.self,
        MergeTransposes.self,
        MergeSlices.self,
        MergeConcats.self,
        MergeArithmetic.self,
        ShareSubexpressions.self,
        DropZeroStates.self,
        FoldBatchNormalization.self,
        FoldScaleAndBias.self,
        FoldPadding.self,
        FuseMatMulAdd.self,
        FuseLayerNormalization.self,
        FuseActivations.self,
        ShareTensors.self,
        RemoveDeadCode.self,
    ]

    static var all: [any Pass.Type] { first + rounds }
}
