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
        MergeScatters.self,
        MergeArithmetic.self,
        ShareSubexpressions.self,
        DropZeroStates.self,
        FoldBatchNormalization.self,
        FoldScaleAndBias.self,
        FoldPadding.self,
        FuseMatMulAdd.self,
        FuseAttention.self,
        FuseLayerNormalization.self,
        FuseActivations.self,
        ShareTensors.self,
        RemoveDeadCode.self,
    ]

    static var all: [any Pass.Type] { all(first, rounds) }

    /// One list of two. Each entry is converted by itself: the conversion of an array would look up every conformance anew in each process.
    static func all(_ first: [any ModelPass.Type], _ rounds: [any GraphPass.Type]) -> [any Pass.Type] {
        var result: [any Pass.Type] = []
        for pass in first { result.append(pass) }
        for pass in rounds { result.append(pass) }
        return result
    }
}
