internal import ModelGraph
package import Tensors

/// One ONNX operator: what we know of it beyond its schema. Each has a file of its own in `Ops/`, named after it.
package protocol Operator: SendableMetatype {
    /// As ONNX spells it; the file has the same name.
    static var name: Name { get }
    /// "" for the default domain.
    static var domain: Name { get }
    /// What of it this version does not run, in a few words for a table; nil: nothing that is known.
    static var limits: String? { get }
    /// Itself, if this version can run it. Said by the protocol: to ask a type whether it conforms takes long the first time.
    static var runnable: (any Runnable.Type)? { get }
    /// How it tells what its nodes make, if it can.
    static var inference: OperatorInference? { get }
}

extension Operator {
    package static var domain: Name { "" }
    package static var limits: String? { nil }
    package static var runnable: (any Runnable.Type)? { nil }
    package static var inference: OperatorInference? { nil }
}

/// An operator whose nodes can be wrong in ways that no schema tells.
protocol Checkable: Operator {
    /// Looks at the values of attributes and constant inputs of a node that fits the schema. What it cannot know it lets pass.
    static func check(_ node: OperatorNode, into report: inout NodeReport)
}

package enum Operators {
    /// Every operator of `Ops/`, in the order of names and then domains, by bytes: `find` relies on it, and a test looks at it.
    static let all: [any Operator.Type] = [
        Abs.self,
        Acos.self,
        Acosh.self,
        Adagrad.self,
        Adam.self,
        Add.self,
        Affine.self,
        AffineGrid.self,
        And.self,
        ArgMax.self,
        ArgMin.self,
        ArrayFeatureExtractor.self,
        Asin.self,
        Asinh.self,
        Atan.self,
        Atanh.self,
        Attention.self,
        MicrosoftAttention.self,
        AveragePool.self,
        BatchNormalization.self,
        Bernoulli.self,
        BiasGelu.self,
        Binarizer.self,
        BitCast.self,
        BitShift.self,
        BitwiseAnd.self,
        BitwiseNot.self,
        BitwiseOr.self,
        BitwiseXor.self,
        BlackmanWindow.self,
        Cast.self,
        CastLike.self,
        CastMap.self,
        CategoryMapper.self,
        CausalConvWithState.self,
        Ceil.self,
        Celu.self,
        CenterCropPad.self,
        Clip.self,
        Col2Im.self,
        Compress.self,
        Concat.self,
        ConcatFromSequence.self,
        Constant.self,
        ConstantOfShape.self,
        Conv.self,
        ConvInteger.self,
        ConvTranspose.self,
        Cos.self,
        Cosh.self,
        Crop.self,
        CumProd.self,
        CumSum.self,
        DFT.self,
        DeformConv.self,
        DepthToSpace.self,
        DequantizeLinear.self,
        MicrosoftDequantizeLinear.self,
        Det.self,
        DictVectorizer.self,
        Div.self,
        Dropout.self,
        DynamicQuantizeLinear.self,
        DynamicQuantizeMatMul.self,
        Einsum.self,
        Elu.self,
        EmbedLayerNormalization.self,
        Equal.self,
        Erf.self,
        Exp.self,
        Expand.self,
        EyeLike.self,
        FastGelu.self,
        FeatureVectorizer.self,
        Flatten.self,
        FlexAttention.self,
        Floor.self,
        FusedConv.self,
        FusedGemm.self,
        FusedMatMul.self,
        GRU.self,
        Gather.self,
        GatherBlockQuantized.self,
        GatherElements.self,
        GatherND.self,
        Gelu.self,
        MicrosoftGelu.self,
        Gemm.self,
        GlobalAveragePool.self,
        GlobalLpPool.self,
        GlobalMaxPool.self,
        Greater.self,
        GreaterOrEqual.self,
        GridSample.self,
        GroupNormalization.self,
        HammingWindow.self,
        HannWindow.self,
        HardSigmoid.self,
        HardSwish.self,
        Hardmax.self,
        Identity.self,
        If.self,
        ImageScaler.self,
        Imputer.self,
        InstanceNormalization.self,
        IsInf.self,
        IsNaN.self,
        LRN.self,
        LSTM.self,
        LabelEncoder.self,
        LayerNormalization.self,
        LeakyRelu.self,
        Less.self,
        LessOrEqual.self,
        LinearAttention.self,
        LinearClassifier.self,
        LinearRegressor.self,
        Log.self,
        LogSoftmax.self,
        Loop.self,
        LpNormalization.self,
        LpPool.self,
        MatMul.self,
        MatMulInteger.self,
        MatMulIntegerToFloat.self,
        MatMulNBits.self,
        Max.self,
        MaxPool.self,
        MaxRoiPool.self,
        MaxUnpool.self,
        Mean.self,
        MeanVarianceNormalization.self,
        MelWeightMatrix.self,
        Min.self,
        Mish.self,
        Mod.self,
        Momentum.self,
        Mul.self,
        MultiHeadAttention.self,
        Multinomial.self,
        Neg.self,
        NegativeLogLikelihoodLoss.self,
        NhwcMaxPool.self,
        NonMaxSuppression.self,
        NonZero.self,
        Normalizer.self,
        Not.self,
        OneHot.self,
        OneHotEncoder.self,
        OptionalOperator.self,
        OptionalGetElement.self,
        OptionalHasElement.self,
        Or.self,
        PRelu.self,
        Pad.self,
        ParametricSoftplus.self,
        Pow.self,
        QLinearAdd.self,
        QLinearAveragePool.self,
        QLinearConcat.self,
        QLinearConv.self,
        QLinearGlobalAveragePool.self,
        QLinearLeakyRelu.self,
        QLinearMatMul.self,
        QLinearMul.self,
        QLinearSigmoid.self,
        QuantizeLinear.self,
        MicrosoftQuantizeLinear.self,
        QuickGelu.self,
        RMSNormalization.self,
        RNN.self,
        RandomNormal.self,
        RandomNormalLike.self,
        RandomUniform.self,
        RandomUniformLike.self,
        RangeOperator.self,
        Reciprocal.self,
        ReduceL1.self,
        ReduceL2.self,
        ReduceLogSum.self,
        ReduceLogSumExp.self,
        ReduceMax.self,
        ReduceMean.self,
        ReduceMin.self,
        ReduceProd.self,
        ReduceSum.self,
        ReduceSumSquare.self,
        RegexFullMatch.self,
        Relu.self,
        Reshape.self,
        Resize.self,
        ReverseSequence.self,
        RoiAlign.self,
        RotaryEmbedding.self,
        Round.self,
        STFT.self,
        SVMClassifier.self,
        SVMRegressor.self,
        Scale.self,
        ScaledTanh.self,
        Scaler.self,
        Scan.self,
        Scatter.self,
        ScatterElements.self,
        ScatterND.self,
        Selu.self,
        SequenceAt.self,
        SequenceConstruct.self,
        SequenceEmpty.self,
        SequenceErase.self,
        SequenceInsert.self,
        SequenceLength.self,
        SequenceMap.self,
        ShapeOperator.self,
        Shrink.self,
        Sigmoid.self,
        Sign.self,
        SimplifiedLayerNormalization.self,
        Sin.self,
        Sinh.self,
        Size.self,
        SkipLayerNormalization.self,
        SkipSimplifiedLayerNormalization.self,
        SliceOperator.self,
        Softmax.self,
        SoftmaxCrossEntropyLoss.self,
        Softplus.self,
        Softsign.self,
        SpaceToDepth.self,
        Split.self,
        SplitToSequence.self,
        Sqrt.self,
        Squeeze.self,
        StringConcat.self,
        StringNormalizer.self,
        StringSplit.self,
        Sub.self,
        Sum.self,
        SwiGLU.self,
        Swish.self,
        Tan.self,
        Tanh.self,
        TensorScatter.self,
        TfIdfVectorizer.self,
        ThresholdedRelu.self,
        Tile.self,
        Tokenizer.self,
        TopK.self,
        Transpose.self,
        TreeEnsemble.self,
        TreeEnsembleClassifier.self,
        TreeEnsembleRegressor.self,
        Trilu.self,
        Unique.self,
        Unsqueeze.self,
        Upsample.self,
        Where.self,
        Xor.self,
        ZipMap.self,
    ]

    /// The operator of that name; the default domain is "". By halves: a table of keys would ask all for their names first.
    static func find(_ name: Name, domain: Name = "") -> (any Operator.Type)? {
        var candidates = all.startIndex..<all.endIndex
        while !candidates.isEmpty {
            let middle = candidates.lowerBound + candidates.count / 2, candidate = all[middle]
            let order = candidate.name.order(to: name)
            switch order == 0 ? candidate.domain.order(to: domain) : order {
            case 0: return candidate
            case ..<0: candidates = middle + 1..<candidates.upperBound
            default: candidates = candidates.lowerBound..<middle
            }
        }
        return nil
    }

    /// The same if this version can run it.
    package static func runnable(_ name: Name, domain: Name) -> (any Runnable.Type)? { find(name, domain: domain)?.runnable }
}

/// Where the check of one operator says what it found in one node: not more than all findings of a model may be.
struct NodeReport {
    /// `.warning` for operator sets so old that nothing about them is sure.
    let severity: Finding.Severity
    private(set) var findings: [(Finding.Severity, String)] = []

    init(_ severity: Finding.Severity) { self.severity = severity }

    /// `message` says what was found and what is expected; what to do is added.
    mutating func error(_ message: @autoclosure () -> String) {
        guard findings.count < FindingList.limit else { return }
        let advice = severity == .error ? "export the model again" : "opset 1 was a draft, it is carried as it is"
        findings.append((severity, "\(message()); \(advice)"))
    }

    /// `message` is odd, but nothing need be done.
    mutating func warn(_ message: @autoclosure () -> String) {
        guard findings.count < FindingList.limit else { return }
        findings.append((.warning, "\(message()); it is carried as it is"))
    }
}
