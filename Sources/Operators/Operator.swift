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
    struct Entry {
        /// As the type says it, here once more: to ask the types while one is looked for would bring the code of many into memory.
        let name: StaticString
        let type: any Operator.Type

        init(_ name: StaticString, _ type: any Operator.Type) {
            self.name = name
            self.type = type
        }

        /// Below 0 if its name comes before `bytes`, 0 if it is that.
        fileprivate func order(to bytes: UnsafeBufferPointer<UInt8>) -> Int {
            let count = name.utf8CodeUnitCount
            for index in 0..<min(count, bytes.count) {
                let (own, other) = unsafe (name.utf8Start[index], bytes[index])
                if own != other { return Int(own) - Int(other) }
            }
            return count - bytes.count
        }
    }

    /// Every operator of `Ops/`, in the order of names and then domains, by bytes: `find` relies on it, and a test looks at it.
    static let entries: [Entry] = [
        Entry("Abs", Abs.self),
        Entry("Acos", Acos.self),
        Entry("Acosh", Acosh.self),
        Entry("Adagrad", Adagrad.self),
        Entry("Adam", Adam.self),
        Entry("Add", Add.self),
        Entry("Affine", Affine.self),
        Entry("AffineGrid", AffineGrid.self),
        Entry("And", And.self),
        Entry("ArgMax", ArgMax.self),
        Entry("ArgMin", ArgMin.self),
        Entry("ArrayFeatureExtractor", ArrayFeatureExtractor.self),
        Entry("Asin", Asin.self),
        Entry("Asinh", Asinh.self),
        Entry("Atan", Atan.self),
        Entry("Atanh", Atanh.self),
        Entry("Attention", Attention.self),
        Entry("Attention", MicrosoftAttention.self),
        Entry("AveragePool", AveragePool.self),
        Entry("BatchNormalization", BatchNormalization.self),
        Entry("Bernoulli", Bernoulli.self),
        Entry("BiasGelu", BiasGelu.self),
        Entry("Binarizer", Binarizer.self),
        Entry("BitCast", BitCast.self),
        Entry("BitShift", BitShift.self),
        Entry("BitwiseAnd", BitwiseAnd.self),
        Entry("BitwiseNot", BitwiseNot.self),
        Entry("BitwiseOr", BitwiseOr.self),
        Entry("BitwiseXor", BitwiseXor.self),
        Entry("BlackmanWindow", BlackmanWindow.self),
        Entry("Cast", Cast.self),
        Entry("CastLike", CastLike.self),
        Entry("CastMap", CastMap.self),
        Entry("CategoryMapper", CategoryMapper.self),
        Entry("CausalConvWithState", CausalConvWithState.self),
        Entry("Ceil", Ceil.self),
        Entry("Celu", Celu.self),
        Entry("CenterCropPad", CenterCropPad.self),
        Entry("Clip", Clip.self),
        Entry("Col2Im", Col2Im.self),
        Entry("Compress", Compress.self),
        Entry("Concat", Concat.self),
        Entry("ConcatFromSequence", ConcatFromSequence.self),
        Entry("Constant", Constant.self),
        Entry("ConstantOfShape", ConstantOfShape.self),
        Entry("Conv", Conv.self),
        Entry("ConvInteger", ConvInteger.self),
        Entry("ConvTranspose", ConvTranspose.self),
        Entry("Cos", Cos.self),
        Entry("Cosh", Cosh.self),
        Entry("Crop", Crop.self),
        Entry("CumProd", CumProd.self),
        Entry("CumSum", CumSum.self),
        Entry("DFT", DFT.self),
        Entry("DeformConv", DeformConv.self),
        Entry("DepthToSpace", DepthToSpace.self),
        Entry("DequantizeLinear", DequantizeLinear.self),
        Entry("DequantizeLinear", MicrosoftDequantizeLinear.self),
        Entry("Det", Det.self),
        Entry("DictVectorizer", DictVectorizer.self),
        Entry("Div", Div.self),
        Entry("Dropout", Dropout.self),
        Entry("DynamicQuantizeLinear", DynamicQuantizeLinear.self),
        Entry("DynamicQuantizeMatMul", DynamicQuantizeMatMul.self),
        Entry("Einsum", Einsum.self),
        Entry("Elu", Elu.self),
        Entry("EmbedLayerNormalization", EmbedLayerNormalization.self),
        Entry("Equal", Equal.self),
        Entry("Erf", Erf.self),
        Entry("Exp", Exp.self),
        Entry("Expand", Expand.self),
        Entry("EyeLike", EyeLike.self),
        Entry("FastGelu", FastGelu.self),
        Entry("FeatureVectorizer", FeatureVectorizer.self),
        Entry("Flatten", Flatten.self),
        Entry("FlexAttention", FlexAttention.self),
        Entry("Floor", Floor.self),
        Entry("FusedConv", FusedConv.self),
        Entry("FusedGemm", FusedGemm.self),
        Entry("FusedMatMul", FusedMatMul.self),
        Entry("GRU", GRU.self),
        Entry("Gather", Gather.self),
        Entry("GatherBlockQuantized", GatherBlockQuantized.self),
        Entry("GatherElements", GatherElements.self),
        Entry("GatherND", GatherND.self),
        Entry("Gelu", Gelu.self),
        Entry("Gelu", MicrosoftGelu.self),
        Entry("Gemm", Gemm.self),
        Entry("GlobalAveragePool", GlobalAveragePool.self),
        Entry("GlobalLpPool", GlobalLpPool.self),
        Entry("GlobalMaxPool", GlobalMaxPool.self),
        Entry("Greater", Greater.self),
        Entry("GreaterOrEqual", GreaterOrEqual.self),
        Entry("GridSample", GridSample.self),
        Entry("GroupNormalization", GroupNormalization.self),
        Entry("HammingWindow", HammingWindow.self),
        Entry("HannWindow", HannWindow.self),
        Entry("HardSigmoid", HardSigmoid.self),
        Entry("HardSwish", HardSwish.self),
        Entry("Hardmax", Hardmax.self),
        Entry("Identity", Identity.self),
        Entry("If", If.self),
        Entry("ImageScaler", ImageScaler.self),
        Entry("Imputer", Imputer.self),
        Entry("InstanceNormalization", InstanceNormalization.self),
        Entry("IsInf", IsInf.self),
        Entry("IsNaN", IsNaN.self),
        Entry("LRN", LRN.self),
        Entry("LSTM", LSTM.self),
        Entry("LabelEncoder", LabelEncoder.self),
        Entry("LayerNormalization", LayerNormalization.self),
        Entry("LeakyRelu", LeakyRelu.self),
        Entry("Less", Less.self),
        Entry("LessOrEqual", LessOrEqual.self),
        Entry("LinearAttention", LinearAttention.self),
        Entry("LinearClassifier", LinearClassifier.self),
        Entry("LinearRegressor", LinearRegressor.self),
        Entry("Log", Log.self),
        Entry("LogSoftmax", LogSoftmax.self),
        Entry("Loop", Loop.self),
        Entry("LpNormalization", LpNormalization.self),
        Entry("LpPool", LpPool.self),
        Entry("MatMul", MatMul.self),
        Entry("MatMulInteger", MatMulInteger.self),
        Entry("MatMulIntegerToFloat", MatMulIntegerToFloat.self),
        Entry("MatMulNBits", MatMulNBits.self),
        Entry("Max", Max.self),
        Entry("MaxPool", MaxPool.self),
        Entry("MaxRoiPool", MaxRoiPool.self),
        Entry("MaxUnpool", MaxUnpool.self),
        Entry("Mean", Mean.self),
        Entry("MeanVarianceNormalization", MeanVarianceNormalization.self),
        Entry("MelWeightMatrix", MelWeightMatrix.self),
        Entry("Min", Min.self),
        Entry("Mish", Mish.self),
        Entry("Mod", Mod.self),
        Entry("Momentum", Momentum.self),
        Entry("Mul", Mul.self),
        Entry("MultiHeadAttention", MultiHeadAttention.self),
        Entry("Multinomial", Multinomial.self),
        Entry("Neg", Neg.self),
        Entry("NegativeLogLikelihoodLoss", NegativeLogLikelihoodLoss.self),
        Entry("NhwcMaxPool", NhwcMaxPool.self),
        Entry("NonMaxSuppression", NonMaxSuppression.self),
        Entry("NonZero", NonZero.self),
        Entry("Normalizer", Normalizer.self),
        Entry("Not", Not.self),
        Entry("OneHot", OneHot.self),
        Entry("OneHotEncoder", OneHotEncoder.self),
        Entry("Optional", OptionalOperator.self),
        Entry("OptionalGetElement", OptionalGetElement.self),
        Entry("OptionalHasElement", OptionalHasElement.self),
        Entry("Or", Or.self),
        Entry("PRelu", PRelu.self),
        Entry("Pad", Pad.self),
        Entry("ParametricSoftplus", ParametricSoftplus.self),
        Entry("Pow", Pow.self),
        Entry("QLinearAdd", QLinearAdd.self),
        Entry("QLinearAveragePool", QLinearAveragePool.self),
        Entry("QLinearConcat", QLinearConcat.self),
        Entry("QLinearConv", QLinearConv.self),
        Entry("QLinearGlobalAveragePool", QLinearGlobalAveragePool.self),
        Entry("QLinearLeakyRelu", QLinearLeakyRelu.self),
        Entry("QLinearMatMul", QLinearMatMul.self),
        Entry("QLinearMul", QLinearMul.self),
        Entry("QLinearSigmoid", QLinearSigmoid.self),
        Entry("QuantizeLinear", QuantizeLinear.self),
        Entry("QuantizeLinear", MicrosoftQuantizeLinear.self),
        Entry("QuickGelu", QuickGelu.self),
        Entry("RMSNormalization", RMSNormalization.self),
        Entry("RNN", RNN.self),
        Entry("RandomNormal", RandomNormal.self),
        Entry("RandomNormalLike", RandomNormalLike.self),
        Entry("RandomUniform", RandomUniform.self),
        Entry("RandomUniformLike", RandomUniformLike.self),
        Entry("Range", RangeOperator.self),
        Entry("Reciprocal", Reciprocal.self),
        Entry("ReduceL1", ReduceL1.self),
        Entry("ReduceL2", ReduceL2.self),
        Entry("ReduceLogSum", ReduceLogSum.self),
        Entry("ReduceLogSumExp", ReduceLogSumExp.self),
        Entry("ReduceMax", ReduceMax.self),
        Entry("ReduceMean", ReduceMean.self),
        Entry("ReduceMin", ReduceMin.self),
        Entry("ReduceProd", ReduceProd.self),
        Entry("ReduceSum", ReduceSum.self),
        Entry("ReduceSumSquare", ReduceSumSquare.self),
        Entry("RegexFullMatch", RegexFullMatch.self),
        Entry("Relu", Relu.self),
        Entry("Reshape", Reshape.self),
        Entry("Resize", Resize.self),
        Entry("ReverseSequence", ReverseSequence.self),
        Entry("RoiAlign", RoiAlign.self),
        Entry("RotaryEmbedding", RotaryEmbedding.self),
        Entry("Round", Round.self),
        Entry("STFT", STFT.self),
        Entry("SVMClassifier", SVMClassifier.self),
        Entry("SVMRegressor", SVMRegressor.self),
        Entry("Scale", Scale.self),
        Entry("ScaledTanh", ScaledTanh.self),
        Entry("Scaler", Scaler.self),
        Entry("Scan", Scan.self),
        Entry("Scatter", Scatter.self),
        Entry("ScatterElements", ScatterElements.self),
        Entry("ScatterND", ScatterND.self),
        Entry("Selu", Selu.self),
        Entry("SequenceAt", SequenceAt.self),
        Entry("SequenceConstruct", SequenceConstruct.self),
        Entry("SequenceEmpty", SequenceEmpty.self),
        Entry("SequenceErase", SequenceErase.self),
        Entry("SequenceInsert", SequenceInsert.self),
        Entry("SequenceLength", SequenceLength.self),
        Entry("SequenceMap", SequenceMap.self),
        Entry("Shape", ShapeOperator.self),
        Entry("Shrink", Shrink.self),
        Entry("Sigmoid", Sigmoid.self),
        Entry("Sign", Sign.self),
        Entry("SimplifiedLayerNormalization", SimplifiedLayerNormalization.self),
        Entry("Sin", Sin.self),
        Entry("Sinh", Sinh.self),
        Entry("Size", Size.self),
        Entry("SkipLayerNormalization", SkipLayerNormalization.self),
        Entry("SkipSimplifiedLayerNormalization", SkipSimplifiedLayerNormalization.self),
        Entry("Slice", SliceOperator.self),
        Entry("Softmax", Softmax.self),
        Entry("SoftmaxCrossEntropyLoss", SoftmaxCrossEntropyLoss.self),
        Entry("Softplus", Softplus.self),
        Entry("Softsign", Softsign.self),
        Entry("SpaceToDepth", SpaceToDepth.self),
        Entry("Split", Split.self),
        Entry("SplitToSequence", SplitToSequence.self),
        Entry("Sqrt", Sqrt.self),
        Entry("Squeeze", Squeeze.self),
        Entry("StringConcat", StringConcat.self),
        Entry("StringNormalizer", StringNormalizer.self),
        Entry("StringSplit", StringSplit.self),
        Entry("Sub", Sub.self),
        Entry("Sum", Sum.self),
        Entry("SwiGLU", SwiGLU.self),
        Entry("Swish", Swish.self),
        Entry("Tan", Tan.self),
        Entry("Tanh", Tanh.self),
        Entry("TensorScatter", TensorScatter.self),
        Entry("TfIdfVectorizer", TfIdfVectorizer.self),
        Entry("ThresholdedRelu", ThresholdedRelu.self),
        Entry("Tile", Tile.self),
        Entry("Tokenizer", Tokenizer.self),
        Entry("TopK", TopK.self),
        Entry("Transpose", Transpose.self),
        Entry("TreeEnsemble", TreeEnsemble.self),
        Entry("TreeEnsembleClassifier", TreeEnsembleClassifier.self),
        Entry("TreeEnsembleRegressor", TreeEnsembleRegressor.self),
        Entry("Trilu", Trilu.self),
        Entry("Unique", Unique.self),
        Entry("Unsqueeze", Unsqueeze.self),
        Entry("Upsample", Upsample.self),
        Entry("Where", Where.self),
        Entry("Xor", Xor.self),
        Entry("ZipMap", ZipMap.self),
    ]

    static var all: [any Operator.Type] { entries.map(\.type) }

    /// The operator of that name; the default domain is "".
    static func find(_ name: Name, domain: Name = "") -> (any Operator.Type)? {
        unsafe name.withBytes { bytes in
            var candidates = entries.startIndex..<entries.endIndex
            while !candidates.isEmpty {
                let middle = candidates.lowerBound + candidates.count / 2, candidate = entries[middle]
                let order = unsafe candidate.order(to: bytes)
                switch order == 0 ? candidate.type.domain.order(to: domain) : order {
                case 0: return candidate.type
                case ..<0: candidates = middle + 1..<candidates.upperBound
                default: candidates = candidates.lowerBound..<middle
                }
            }
            return nil
        }
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
